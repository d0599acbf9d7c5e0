"""Invokes a container by SageMaker's contract: ``POST /invocations``, ``GET /ping``.

The standard library's client: it follows no redirect, so rows go nowhere but to the address given,
and it uses no proxy.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import SplitResult, urlsplit

from tailrace.scoring.invoker import InvocationFailedError
from tailrace_core.aws.model_errors import no_response, refused_by_model, throttled, timed_out_in_model
from tailrace_core.errors import InputError, TransientError

if TYPE_CHECKING:
    import ssl

CONNECT_TIMEOUT_S = 5.0
PING_TIMEOUT_S = 5.0
MAX_ANSWER_BYTES = 100 * 1024 * 1024
"""A larger answer is none to a chunk of rows; it bounds memory."""
_BLOCK_BYTES = 256 * 1024
_SAID_BYTES = 4096
_LEAST_TIMEOUT_S = 0.001
_OK = range(200, 300)
_REDIRECTS = range(300, 400)
_THROTTLED = 429
_INVOCATIONS = "/invocations"
_BROKEN = (BrokenPipeError, ConnectionResetError, ConnectionAbortedError, http.client.RemoteDisconnected)


def model_address(url: str) -> str:
    """Return the address of a model's server, without ``/invocations`` at its end.

    Raises:
        InputError: it is no address of http or https, or holds a name and a password, a query or a
            fragment.
    """
    try:
        parts = urlsplit(url)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound, parts = False, SplitResult("", "", "", "", "")
    if not sound or not url.isascii() or not url.isprintable() or " " in url:
        raise InputError(
            f"model URL {url!r} is not an address of http or https; write one such as http://127.0.0.1:8080"
        )
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise InputError(
            "a model URL has neither a user and password nor a query: write the address of the server alone, such as "
            "http://127.0.0.1:8080"
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix(_INVOCATIONS).rstrip('/')}"


class ContainerInvoker:
    """Calls the container at ``url``, with one connection for each thread.

    ``timeout_s`` bounds one answer, from the request to its last byte, and ``max_answer_bytes`` its
    size.
    """

    def __init__(
        self,
        url: str,
        *,
        content_type: str = "text/csv",
        accept: str = "text/csv",
        timeout_s: float = 60.0,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
    ) -> None:
        self.where = model_address(url)
        parts = urlsplit(self.where)
        self._secure = parts.scheme == "https"
        self._host, self._port, self._prefix = parts.hostname or "", parts.port, parts.path
        self._headers = {"Content-Type": content_type, "Accept": accept, "User-Agent": "tailrace"}
        self._timeout_s = timeout_s
        self._max_answer_bytes = max_answer_bytes
        self._context: ssl.SSLContext | None = None
        self._of_thread = threading.local()
        self._lock = threading.Lock()
        self._open: dict[http.client.HTTPConnection, socket.socket] = {}
        self._closed = False

    def ping(self) -> None:
        """Require that the container says it is ready.

        Raises:
            TransientError: nothing listens at the address, or it is not ready.
        """
        try:
            with contextlib.closing(self._connected()) as connection:
                connection.sock.settimeout(PING_TIMEOUT_S)
                connection.request("GET", f"{self._prefix}/ping", headers={"User-Agent": "tailrace"})
                status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as exc:
            raise TransientError(
                f"{self.where}/ping does not answer ({_words(exc)}); start the model's server, or correct the address"
            ) from exc
        if status not in _OK:
            raise TransientError(
                f"{self.where}/ping answers {status}, and a model's server that is ready answers 200: wait until it "
                "has loaded its model, or correct the address"
            )

    def invoke(self, body: bytes) -> bytes:
        """Return the container's answer.

        Raises:
            InvocationFailedError: it refused, did not answer in time, or broke off.
            InputError: it redirects elsewhere.
        """
        until = time.monotonic() + self._timeout_s
        known = getattr(self._of_thread, "connection", None)
        if known is not None:
            # The server may have closed the idle connection: that says nothing about the rows.
            with contextlib.suppress(*_BROKEN):
                return self._exchange(known, body, until)
        try:
            return self._exchange(self._kept_connection(), body, until)
        except _BROKEN as exc:
            raise InvocationFailedError(no_response(f"{_words(exc)} ({self.where})")) from exc

    def close(self) -> None:
        """Close all connections; requests under way end with an error."""
        with self._lock:
            self._closed = True
            found, self._open = self._open, {}
        for connection, sock in found.items():
            with contextlib.suppress(OSError):
                # A close alone would not wake a thread that reads.
                sock.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _exchange(self, connection: http.client.HTTPConnection, body: bytes, until: float) -> bytes:
        try:
            answer = self._answer(connection, body, until)
        except TimeoutError as exc:
            self._discard(connection)
            raise InvocationFailedError(timed_out_in_model(f"{self._timeout_s:g} s ({self.where})")) from exc
        except _BROKEN:
            self._discard(connection)
            raise
        except (OSError, http.client.HTTPException) as exc:
            self._discard(connection)
            raise InvocationFailedError(no_response(f"{_words(exc)} ({self.where})")) from exc
        except BaseException:
            self._discard(connection)
            raise
        return answer

    def _answer(self, connection: http.client.HTTPConnection, body: bytes, until: float) -> bytes:
        # A response that ends its connection takes the socket away from it.
        sock = connection.sock
        sock.settimeout(self._timeout_s)
        # A server may refuse, and close, before it has read the whole body: its answer is there.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request("POST", f"{self._prefix}{_INVOCATIONS}", body, self._headers)
        response = connection.getresponse()
        with contextlib.closing(response):
            if response.status not in _OK:
                self._refuse(response)
            if response.length is None and not response.chunked:
                raise InvocationFailedError(
                    f"the model's server at {self.where} did not specify the required Content-Length header: an "
                    "answer that breaks off could not be told from a whole one"
                )
            answer = b"".join(_blocks(response, sock, until, self._max_answer_bytes))
        if response.will_close:
            self._discard(connection)
        return answer

    def _refuse(self, response: http.client.HTTPResponse) -> NoReturn:
        if response.status in _REDIRECTS:
            target = response.headers.get("Location", "nowhere")
            raise InputError(
                f"{self.where} answers {response.status} and points to {target}: rows are sent to no other address "
                "than yours; give that one if you trust it"
            )
        said = response.read(_SAID_BYTES).decode(errors="replace")
        reason = throttled(said) if response.status == _THROTTLED else refused_by_model(response.status, said)
        raise InvocationFailedError(reason, retry_after_s=_seconds(response.headers.get("Retry-After")))

    # -- connections

    def _kept_connection(self) -> http.client.HTTPConnection:
        try:
            connection = self._connected()
        except OSError as exc:
            raise InvocationFailedError(no_response(f"{_words(exc)} ({self.where})")) from exc
        with self._lock:
            self._open[connection] = connection.sock
            closed = self._closed
        if closed:
            self._discard(connection)
            raise InvocationFailedError(no_response("the connections are closed"))
        self._of_thread.connection = connection
        return connection

    def _connected(self) -> http.client.HTTPConnection:
        if self._secure:
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                self._host, self._port, timeout=CONNECT_TIMEOUT_S, context=self._tls()
            )
        else:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=CONNECT_TIMEOUT_S)
        connection.connect()
        # A connection that was closed is made anew by nobody else: each has its place in `_open`.
        connection.auto_open = 0
        return connection

    def _tls(self) -> ssl.SSLContext:
        with self._lock:
            if self._context is None:
                import ssl  # noqa: PLC0415 - slow to import; most containers at hand speak plain HTTP

                self._context = ssl.create_default_context()
            return self._context

    def _discard(self, connection: http.client.HTTPConnection) -> None:
        connection.close()
        with self._lock:
            self._open.pop(connection, None)
        if getattr(self._of_thread, "connection", None) is connection:
            self._of_thread.connection = None


def _blocks(response: http.client.HTTPResponse, sock: socket.socket, until: float, max_bytes: int) -> Iterator[bytes]:
    """Yield the answer as it comes, bounded in time and in size."""
    left = response.length
    size = 0
    while left is None or left:
        sock.settimeout(max(until - time.monotonic(), _LEAST_TIMEOUT_S))
        # Never asked for more than there is: it would wait for the next answer.
        block = response.read1(_BLOCK_BYTES if left is None else min(_BLOCK_BYTES, left))
        if not block:
            if left is not None:
                raise http.client.IncompleteRead(b"", left)
            return
        size += len(block)
        left = None if left is None else left - len(block)
        if size > max_bytes:
            raise InvocationFailedError(f"the answer exceeded the maximum response size of {max_bytes} bytes")
        if time.monotonic() > until:
            raise TimeoutError
        yield block


def _words(error: BaseException) -> str:
    if isinstance(error, http.client.IncompleteRead):
        return "the answer broke off"
    return str(error) or type(error).__name__


def _seconds(value: str | None) -> float | None:
    return float(value) if value is not None and re.fullmatch("[0-9]{1,6}", value) else None
