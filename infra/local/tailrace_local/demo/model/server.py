"""Serves the model by SageMaker's container contract.

`GET /ping`, `POST /invocations`, stop on SIGTERM.
"""

from __future__ import annotations

import logging
import signal
import socket
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any

from tailrace_local import loopback
from tailrace_local.demo.model import body, scoring
from tailrace_local.demo.model.stages import Stage, stages_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tailrace_local.demo.model.scoring import Answer

XGBOOST_LIMIT_BYTES = 6 * 1024 * 1024
"""Default limit of SageMaker's XGBoost container; `MAX_CONTENT_LENGTH` changes it, there and
here."""

_LOG = logging.getLogger(__name__)
_DISCARD_BYTES = 256 * 1024 * 1024
_DISCARD_SECONDS = 10.0
_LAST_PORT = 65535
_METHODS = {"/ping": "GET", "/invocations": "POST"}


class SettingsError(Exception):
    """An environment variable has an invalid value."""


@dataclass(frozen=True)
class Settings:
    """Settings of the server. Port 0 takes a free port, which the log names."""

    model_dir: Path
    port: int
    host: str = "127.0.0.1"
    limit_bytes: int = XGBOOST_LIMIT_BYTES
    idle_s: float = 75.0
    drain_s: float = 20.0
    stages: Mapping[str, Stage] = field(default_factory=lambda: stages_for({}))
    default_accept: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], host: str) -> Settings:
        """Read a container's environment variables, with a container's defaults.

        They are SM_MODEL_DIR, SAGEMAKER_BIND_TO_PORT, MAX_CONTENT_LENGTH,
        SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT, and those of `stages_for`.

        Raises:
            SettingsError: a number is malformed or out of range, or there is no such stage.
        """
        try:
            stages = stages_for(environment)
        except ValueError as error:
            raise SettingsError(str(error)) from None
        return cls(
            model_dir=Path(environment.get("SM_MODEL_DIR") or "/opt/ml/model"),
            port=_whole(environment, "SAGEMAKER_BIND_TO_PORT", 8080, 0, _LAST_PORT),
            host=host,
            limit_bytes=_whole(environment, "MAX_CONTENT_LENGTH", XGBOOST_LIMIT_BYTES, 1, 1 << 30),
            stages=stages,
            default_accept=environment.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", ""),
        )


def serve(settings: Settings, load: Callable[[], Any]) -> int:
    """Serve until SIGTERM or SIGINT, then return the exit code, 0.

    After the signal it waits up to `drain_s` for open requests. The server listens only after the
    model is loaded: one that answers a ping can score.
    """
    # Block the signals before any thread starts, because threads inherit the mask: they then wait
    # for `sigwait`.
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    started = time.perf_counter()
    regressor = load()
    with ModelServer(settings, regressor) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        address = f"{settings.host}:{server.server_address[1]}"
        _LOG.info("listening on %s, model loaded in %.2f s", address, time.perf_counter() - started)
        received = signal.sigwait(signals)
        _LOG.info("%s: stopping", signal.Signals(received).name)
        server.shutdown()
        if not server.drained(settings.drain_s):
            _LOG.warning("requests still open after %s s are dropped", settings.drain_s)
    return 0


class ModelServer(ThreadingHTTPServer):
    """An HTTP server with a thread for each connection, and a count of open requests."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, settings: Settings, regressor: Any) -> None:
        self.settings, self.regressor = settings, regressor
        self.stopping = False
        self._open = 0
        self._changed = threading.Condition()
        super().__init__((settings.host, settings.port), _Handler)

    def server_bind(self) -> None:
        """Bind without a lookup of the host's name, which may take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.settings.host, self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that disconnect; log any other error with its traceback."""
        if isinstance(sys.exc_info()[1], OSError):
            _LOG.debug("%s disconnected", client_address)
        else:
            _LOG.exception("connection of %s (%s)", client_address, request)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Count a request as open."""
        with self._changed:
            self._open += 1
        try:
            yield
        finally:
            with self._changed:
                self._open -= 1
                self._changed.notify_all()

    def drained(self, seconds: float) -> bool:
        """Wait up to `seconds` until no request is open; return whether there is none."""
        with self._changed:
            self.stopping = True
            return self._changed.wait_for(lambda: self._open == 0, seconds)


class _Handler(BaseHTTPRequestHandler):
    server: ModelServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body are sent together
    error_content_type = "text/plain; charset=utf-8"
    error_message_format = "%(message)s\n"
    server_version = "tailrace-model"

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(self.server.settings.idle_s)

    def handle_one_request(self) -> None:
        with ExitStack() as self._invited:
            super().handle_one_request()

    def do_GET(self) -> None:
        with self.server.answering():
            if reason := self._foreign():
                self._refuse_foreign(reason)
            elif self._path() != "/ping":
                self._refuse_path()
            elif self._carries_body():
                self._send_and_close(scoring.Answer(200))
            else:
                self._send(scoring.Answer(200))

    def do_POST(self) -> None:
        with self.server.answering():
            if reason := self._foreign():
                self._refuse_foreign(reason)
            elif self._path() == "/invocations":
                self._invoke()
            else:
                self._refuse_path()

    def handle_expect_100(self) -> bool:
        # The client that is told to continue gets an answer, even if the server is told to stop
        # meanwhile.
        self._invited.enter_context(self.server.answering())
        # Refuse a body that is too large before the client sends it.
        limit = self.server.settings.limit_bytes
        try:
            if (body.declared_length(self.headers) or 0) > limit:
                raise body.TooLargeError(limit)
        except body.BodyError as error:
            self._send(scoring.refused(error.status, str(error)), close=True)
            return False
        invited = super().handle_expect_100()
        self.wfile.flush()  # the client sends the body only after it gets this
        return invited

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  the base class's name
        _LOG.debug(format, *arguments)

    def _invoke(self) -> None:
        started = time.perf_counter()
        try:
            content = body.read(self.rfile, self.headers, self.server.settings.limit_bytes)
        except body.BodyError as error:
            self._send_and_close(scoring.refused(error.status, str(error)))
            return
        answer = self._answer(content)
        # Log counts only: rows are the caller's data.
        milliseconds = (time.perf_counter() - started) * 1000
        _LOG.info("status=%d rows=%d bytes=%d ms=%.1f", answer.status, answer.rows, len(content), milliseconds)
        self._send(answer)

    def _answer(self, content: bytes) -> Answer:
        settings = self.server.settings
        content_type = self.headers.get("Content-Type", "")
        accept = self.headers.get("Accept", "").strip() or settings.default_accept
        try:
            return scoring.answer(settings.stages, self.server.regressor, content, content_type, accept)
        except Exception:  # noqa: BLE001  the request fails, the server goes on
            _LOG.exception("scoring failed")
            return scoring.refused(500, "scoring failed; see the model server's log")

    def _path(self) -> str:
        return self.path.partition("?")[0]

    def _carries_body(self) -> bool:
        # An unread body would be parsed as the next request.
        return "Content-Length" in self.headers or "Transfer-Encoding" in self.headers

    def _foreign(self) -> str | None:
        """Return why a request at the loopback address is refused; None if it may come in."""
        if self.server.settings.host not in loopback.NAMES:
            return None
        given = (self.headers.get_all(name, []) for name in ("Host", "Origin", "Sec-Fetch-Site"))
        return loopback.refusal(*given, port=self.server.server_port)

    def _refuse_foreign(self, reason: str) -> None:
        self._send_and_close(scoring.refused(403, f"refused: {reason}"))

    def _refuse_path(self) -> None:
        allowed = _METHODS.get(self._path())
        message = f"{self.command} {self._path()[:100]}: call GET /ping or POST /invocations"
        self._send_and_close(scoring.refused(405 if allowed else 404, message), allowed)

    def _send_and_close(self, answer: Answer, allowed: str | None = None) -> None:
        self._send(answer, close=True, allowed=allowed)
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(_DISCARD_SECONDS)
        body.discard(self.rfile, _DISCARD_BYTES, _DISCARD_SECONDS)

    def _send(self, answer: Answer, *, close: bool = False, allowed: str | None = None) -> None:
        self.send_response(answer.status)
        if answer.status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
        if allowed:
            self.send_header("Allow", allowed)
        if close or self.server.stopping:
            self.send_header("Connection", "close")  # also ends this connection's loop
        self.end_headers()
        self.wfile.write(answer.body)
        self.wfile.flush()  # now: the server may stop once the request is no longer open


def _whole(environment: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdigit()) or not least <= int(text) <= most:
        raise SettingsError(f"{name} is {text!r}; set it to a whole number from {least} to {most}")
    return int(text)
