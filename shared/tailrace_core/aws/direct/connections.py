"""Connections of HTTP/1.1, kept open between requests; standard library sockets and TLS.

Each wait is bounded: connecting, each step of sending, the head of a response, and each read of a
body.
"""

from __future__ import annotations

import functools
import select
import socket
import time
import weakref
from collections import deque
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from tailrace_core.aws.direct.requests import HttpRequest

if TYPE_CHECKING:
    import ssl

NO_DELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
"""The option of each socket: small requests leave at once."""
MAX_HEAD_BYTES = 256 * 1024
_RECEIVED_BYTES = 64 * 1024
_SENT_BYTES = 1024 * 1024
"""Bytes sent in one step, which has the read timeout: slow lines take long for large bodies."""
_JOINED_BYTES = 16 * 1024
"""Bodies up to this size travel in one TLS record with the head."""
_NO_BODY = frozenset({204, 304})


class ConnectError(OSError):
    """No connection: the server cannot be reached, or TLS failed. Nothing was sent."""


class BrokenResponseError(OSError):
    """A response ended early or is no HTTP."""


class Origin(NamedTuple):
    """A server: ``ca_file`` holds the certificates to verify it by; None for plain HTTP."""

    host: str
    port: int
    ca_file: str | None


@functools.cache
def tls_context(ca_file: str) -> ssl.SSLContext:
    """Return a context that verifies servers by the certificates in a file, as botocore's does.

    Reading the file takes 20 ms; botocore reads it once for each client.
    """
    import ssl  # noqa: PLC0415 - slow to import; the local cloud speaks plain HTTP

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(ca_file)
    context.set_alpn_protocols(["http/1.1"])
    return context


class Timeouts(NamedTuple):
    """Time limits in seconds."""

    connect_s: float
    read_s: float


class Connection:
    """One connection to a server, for one request at a time."""

    def __init__(self, origin: Origin, timeouts: Timeouts) -> None:
        self._read_timeout_s = timeouts.read_s
        self._received = b""
        self.reusable = True
        try:
            self._socket = _connected(origin, timeouts.connect_s)
        except OSError as exc:
            raise ConnectError(str(exc)) from exc

    @property
    def stale(self) -> bool:
        """True when the server has closed the idle connection, or has sent something unasked."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(self._received or poll.poll(0))

    def close(self) -> None:
        """Close the connection; its request, if there is one, ends with an error."""
        self.reusable = False
        self._socket.close()

    def send(self, request: HttpRequest, headers: Mapping[str, str]) -> None:
        """Send a request. A server may answer, and close, before it has read the whole body."""
        lines = [f"{request.method} {request.path}{request.query and '?'}{request.query} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        body = request.body
        if body or request.method in {"PUT", "POST"}:
            lines.append(f"content-length: {len(body)}")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        self._socket.settimeout(self._read_timeout_s)
        if len(body) <= _JOINED_BYTES:
            self._socket.sendall(head + body)
            return
        self._socket.sendall(head)
        view = memoryview(body)
        for start in range(0, len(view), _SENT_BYTES):
            self._socket.sendall(view[start : start + _SENT_BYTES])

    @property
    def answered(self) -> bool:
        """True when a part of a response has arrived."""
        return bool(self._received)

    def receive_head(self) -> tuple[int, dict[str, str]]:
        """Return status and headers (names in lower case) of the final response.

        Raises:
            TimeoutError: they did not arrive in time.
            BrokenResponseError: the server closed the connection, or this is no HTTP.
        """
        until = time.monotonic() + self._read_timeout_s
        while True:
            while (end := self._received.find(b"\r\n\r\n")) < 0:
                if len(self._received) > MAX_HEAD_BYTES:
                    raise BrokenResponseError("the response's headers are too long")
                self._receive_more(until - time.monotonic())
            head, self._received = self._received[:end], self._received[end + 4 :]
            status, headers = _parse_head(head)
            if status >= 200:  # noqa: PLR2004 - others are interim responses
                return status, headers

    def body(self, method: str, status: int, headers: Mapping[str, str]) -> Iterable[bytes]:
        """Yield the response's body in pieces.

        Raises:
            TimeoutError: no part of it arrived for the length of the read timeout.
            BrokenResponseError: it ended early.
        """
        if headers.get("connection", "").lower() == "close":
            self.reusable = False
        if method == "HEAD" or status in _NO_BODY:
            return ()
        if "transfer-encoding" in headers:
            return self._chunks()
        length = headers.get("content-length")
        if length is None:
            self.reusable = False
            return self._rest()
        if not (length.isascii() and length.isdigit()):
            raise BrokenResponseError(f"the response's length {length!r} is no number")
        return self._exactly(int(length))

    def _exactly(self, size: int) -> Iterable[bytes]:
        while size:
            if not self._received:
                self._receive_more(self._read_timeout_s)
            piece, self._received = self._received[:size], self._received[size:]
            size -= len(piece)
            yield piece

    def _chunks(self) -> Iterable[bytes]:
        while size := self._chunk_size():
            yield from self._exactly(size)
            if self._line():
                raise BrokenResponseError("a chunk of the response is longer than it says")
        while self._line():
            pass

    def _chunk_size(self) -> int:
        text = self._line().split(b";")[0].strip()
        try:
            return int(text, 16)
        except ValueError:
            raise BrokenResponseError(f"a chunk's size {text!r} is no number") from None

    def _line(self) -> bytes:
        while (end := self._received.find(b"\r\n")) < 0:
            if len(self._received) > MAX_HEAD_BYTES:
                raise BrokenResponseError("a line of the response is too long")
            self._receive_more(self._read_timeout_s)
        line, self._received = self._received[:end], self._received[end + 2 :]
        return line

    def _rest(self) -> Iterable[bytes]:
        yield self._received
        self._received = b""
        self._socket.settimeout(self._read_timeout_s)
        while piece := self._socket.recv(_RECEIVED_BYTES):
            yield piece

    def _receive_more(self, timeout_s: float) -> None:
        if timeout_s <= 0:
            raise TimeoutError("timed out")
        self._socket.settimeout(timeout_s)
        piece = self._socket.recv(_RECEIVED_BYTES)
        if not piece:
            raise BrokenResponseError("the connection was closed before the response was complete")
        self._received += piece


def _connected(origin: Origin, timeout_s: float) -> socket.socket:
    plain = socket.create_connection((origin.host, origin.port), timeout_s)
    try:
        plain.setsockopt(*NO_DELAY)
        if origin.ca_file is None:
            return plain
        return tls_context(origin.ca_file).wrap_socket(plain, server_hostname=origin.host)
    except BaseException:
        plain.close()
        raise


def _parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    status = rest[:3]
    if version not in {"HTTP/1.1", "HTTP/1.0"} or not (status.isascii() and status.isdigit() and len(status) == 3):  # noqa: PLR2004
        raise BrokenResponseError(f"the response begins with {first[:80]!r}, which is no HTTP/1.1")
    headers: dict[str, str] = {} if version == "HTTP/1.1" else {"connection": "close"}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise BrokenResponseError(f"a header of the response is broken: {line[:80]!r}")
        key = name.lower()
        headers[key] = f"{headers[key]}, {value.strip()}" if key in headers else value.strip()
    return int(status), headers


class ConnectionPool:
    """Connections to any number of servers, each reused by the next thread that needs one.

    The connection used last is taken first, so that no more stay open than threads need at once.
    """

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._idle: dict[Origin, deque[Connection]] = {}
        # For whoever forgets `close`.
        weakref.finalize(self, _close_all, self._idle)

    def idle(self, origin: Origin) -> Connection | None:
        """Return an open connection that nobody uses; None when there is none."""
        idle = self._idle.get(origin)
        while idle:
            try:
                connection = idle.pop()
            except IndexError:  # another thread was first
                return None
            if not connection.stale:
                return connection
            connection.close()
        return None

    def connect(self, origin: Origin) -> Connection:
        """Open a connection.

        Raises:
            ConnectError: the server cannot be reached in time, or TLS fails.
        """
        return Connection(origin, self._timeouts)

    def release(self, origin: Origin, connection: Connection) -> None:
        """Keep a connection whose response was read whole for the next request."""
        if connection.reusable:
            self._idle.setdefault(origin, deque()).append(connection)
        else:
            connection.close()

    def exchange(
        self, origin: Origin, request: HttpRequest, headers: Mapping[str, str]
    ) -> tuple[Connection, int, dict[str, str]]:
        """Send a request and return its connection, and status and headers of the response.

        The caller reads the body, and then releases the connection or closes it.

        A server may close an idle connection at the moment in which it is used again. The request
        is then sent once more on a new one: nothing of a response has arrived, and each direct call
        may be repeated (`tailrace_core.aws.retrying` does so too).

        Raises:
            TimeoutError: the server took too long; the request may have had its effect.
            OSError: the connection failed or broke.
        """
        idle = self.idle(origin)
        if idle is not None:
            try:
                return idle, *_exchanged(idle, request, headers)
            except TimeoutError:
                raise
            except OSError:
                if idle.answered:
                    raise
        connection = self.connect(origin)
        return connection, *_exchanged(connection, request, headers)

    def close(self) -> None:
        """Close all idle connections."""
        _close_all(self._idle)


def _close_all(idle: Mapping[Origin, deque[Connection]]) -> None:
    for connections in idle.values():
        while connections:
            connections.pop().close()


def _exchanged(connection: Connection, request: HttpRequest, headers: Mapping[str, str]) -> tuple[int, dict[str, str]]:
    try:
        try:
            connection.send(request, headers)
        except TimeoutError:
            raise
        except OSError as exc:
            # A server that refuses a request may answer and close before it has read the body.
            connection.reusable = False
            try:
                return connection.receive_head()
            except OSError:
                raise exc from None
        return connection.receive_head()
    except BaseException:
        connection.close()
        raise
