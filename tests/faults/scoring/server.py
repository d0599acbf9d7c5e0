"""A real HTTP server over the simulated model, whose connections misbehave as drawn."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.faults import model
from tests.faults.answering import Answering

_DRIP_S = 0.002


class Misbehaviour(StrEnum):
    """What happens to a request instead of, or beside, the model's answer."""

    RESET = "the connection is reset"
    CLOSED = "the connection is closed without an answer"
    SERVER_ERROR = "500"
    UNAVAILABLE = "503"
    THROTTLED = "429"
    TRUNCATED = "the answer breaks off"
    TRUNCATED_CHUNKS = "an answer in HTTP chunks breaks off"
    HANGS = "no answer in time, for several rows"
    TOO_LARGE = "413 before the body is read, for several rows"
    DRIPS = "the answer comes in small pieces"
    CHUNKS = "the answer comes in HTTP chunks"
    LAST = "the connection is closed after the answer"


_SEVERAL_ROWS = frozenset({Misbehaviour.HANGS, Misbehaviour.TOO_LARGE})
_RARE = {Misbehaviour.HANGS: 0.1}


@dataclass
class FaultyModel:
    """The server's behaviour; ``share`` of the first attempts of each body misbehave."""

    seed: str
    share: float = 0.0
    answering: Answering = model.USUAL
    kinds: tuple[Misbehaviour, ...] = tuple(Misbehaviour)
    hang_s: float = 0.5
    faulty_attempts: int = 2
    """A body's first attempts may fail; a further one is answered as the model does."""
    attempts: Counter[bytes] = field(default_factory=Counter)
    seen: Counter[Misbehaviour] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def draw(self, body: bytes) -> tuple[int, Misbehaviour | None]:
        """Count an attempt; return its number and what happens to it, by the body and the number alone."""
        with self.lock:
            self.attempts[body] += 1
            number = self.attempts[body]
        source = random.Random(f"{self.seed}:{zlib.crc32(body)}:{number}")
        if number > self.faulty_attempts or source.random() >= self.share:
            return number, None
        several = len(body.splitlines()) > 1
        kinds = [each for each in self.kinds if several or each not in _SEVERAL_ROWS]
        kind = source.choices(kinds, [_RARE.get(each, 1.0) for each in kinds])[0]
        with self.lock:
            self.seen[kind] += 1
        return number, kind


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._send(200 if self.path == "/ping" else 404, b"")

    def do_POST(self) -> None:
        faulty = self.server.model
        body = model.rows_of(self.rfile.read(int(self.headers["Content-Length"])))
        number, kind = faulty.draw(body)
        match kind:
            case Misbehaviour.RESET:
                # A close with this option sends a reset.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                self.connection.close()
            case Misbehaviour.CLOSED:
                self.close_connection = True
            case Misbehaviour.SERVER_ERROR:
                self._send(500, b"worker died")
            case Misbehaviour.UNAVAILABLE:
                self._send(503, b"busy")
            case Misbehaviour.THROTTLED:
                self._send(429, b"slow down", {"Retry-After": "1"})
            case Misbehaviour.TOO_LARGE:
                self._send(413, b"too many rows")
            case Misbehaviour.HANGS:
                time.sleep(faulty.hang_s)
                self.close_connection = True
            case _:
                self._answer(model.score(body, number, faulty.answering), kind)

    def _answer(self, said: model.Answered | model.Refused, kind: Misbehaviour | None) -> None:
        if isinstance(said, model.Refused):
            self._send(500 if said.reason == model.SERVER_ERROR else 400, said.body)
            return
        body = said.body
        match kind:
            case Misbehaviour.TRUNCATED:
                self._head(200, {"Content-Length": str(len(body) + 10)})
                self.wfile.write(body)
                self.close_connection = True
            case Misbehaviour.TRUNCATED_CHUNKS | Misbehaviour.CHUNKS:
                self._head(200, {"Transfer-Encoding": "chunked"})
                self.wfile.write(b"%x\r\n%b\r\n" % (len(body), body) if body else b"")
                if kind is Misbehaviour.CHUNKS:
                    self.wfile.write(b"0\r\n\r\n")
                else:
                    self.close_connection = True
            case Misbehaviour.DRIPS:
                self._head(200, {"Content-Length": str(len(body))})
                for at in range(0, len(body), 7):
                    self.wfile.write(body[at : at + 7])
                    self.wfile.flush()
                    time.sleep(_DRIP_S)
            case Misbehaviour.LAST:
                self._send(200, body, {"Connection": "close"})
                self.close_connection = True
            case _:
                self._send(200, body)

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self._head(status, {"Content-Length": str(len(body)), **(headers or {})})
        self.wfile.write(body)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    model: FaultyModel

    def handle_error(self, *_: Any) -> None:
        """The client has gone, as it may."""


@contextlib.contextmanager
def serving(faulty: FaultyModel) -> Iterator[str]:
    """Serve the model on the loopback address; yield its URL."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.model = faulty
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
