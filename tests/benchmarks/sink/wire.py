"""The sink's side of a connection: HTTP/1.1 requests. Large bodies are read and dropped."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEPT_BYTES = 1024 * 1024
"""Bodies up to this size are kept."""
_BUFFER_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """A request whose body has arrived.

    ``body`` is empty when it was large; ``size_bytes`` is its size in any case.
    """

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    size_bytes: int
    body: bytes


class Connection:
    """Requests of one client, one after the other."""

    def __init__(self, socket: ssl.SSLSocket) -> None:
        self._socket = socket
        self._memory = bytearray(_BUFFER_BYTES)
        self._view = memoryview(self._memory)
        self._start = self._stop = 0

    def request(self) -> Request | None:
        """Return the next request; None when the client has gone."""
        head = self._line()
        if not head:
            return None
        method, target, _ = head.decode().split(" ", 2)
        headers: dict[str, str] = {}
        while line := self._line():
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        if headers.get("expect", "").lower() == "100-continue":
            self._socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body, size = self._body(headers)
        parts = urlsplit(target)
        return Request(method, parts.path, parse_qs(parts.query, keep_blank_values=True), headers, size, body)

    def respond(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Answer the request."""
        lines = [f"HTTP/1.1 {status} .", f"Content-Length: {len(body)}", *(f"{k}: {v}" for k, v in headers.items())]
        self._socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def send(self, path: Path, headers: Mapping[str, str]) -> None:
        """Answer with a file, block by block."""
        with path.open("rb", buffering=0) as file:
            lines = [
                "HTTP/1.1 200 .",
                f"Content-Length: {path.stat().st_size}",
                *(f"{k}: {v}" for k, v in headers.items()),
            ]
            self._socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
            while block := file.read(_BUFFER_BYTES):
                self._socket.sendall(block)

    def _body(self, headers: Mapping[str, str]) -> tuple[bytes, int]:
        kept = bytearray()
        if headers.get("transfer-encoding", "").lower() == "chunked":
            size = self._chunks(kept)
        else:
            size = int(headers.get("content-length", "0"))
            self._take(size, kept.extend if size <= KEPT_BYTES else _forget)
        if "aws-chunked" in headers.get("content-encoding", ""):
            size = int(headers["x-amz-decoded-content-length"])
            kept = _unframed(kept) if size <= KEPT_BYTES else kept
        return bytes(kept) if size <= KEPT_BYTES else b"", size

    def _chunks(self, kept: bytearray) -> int:
        total = 0
        while size := int(self._line().split(b";")[0], 16):
            self._take(size, kept.extend if total + size <= 2 * KEPT_BYTES else _forget)
            self._line()
            total += size
        while self._line():
            pass
        return total

    def _take(self, size: int, use: Callable[[memoryview], Any]) -> None:
        while size:
            if self._start == self._stop:
                self._fill()
            step = min(size, self._stop - self._start)
            use(self._view[self._start : self._start + step])
            self._start += step
            size -= step

    def _line(self) -> bytes:
        line = bytearray()
        while True:
            end = self._memory.find(b"\n", self._start, self._stop)
            line += self._view[self._start : self._stop if end < 0 else end + 1]
            self._start = self._stop if end < 0 else end + 1
            if end >= 0 or not self._fill():
                return bytes(line.rstrip(b"\r\n"))

    def _fill(self) -> int:
        self._start, self._stop = 0, self._socket.recv_into(self._view)
        return self._stop


def _forget(_: memoryview) -> None:
    """Drop a large body."""


def _unframed(framed: bytearray) -> bytearray:
    """Return the content of ``aws-chunked`` data: pieces after their sizes, then trailers."""
    content = bytearray()
    at = 0
    while True:
        end = framed.index(b"\r\n", at)
        size = int(bytes(framed[at:end]).split(b";")[0], 16)
        if not size:
            return content
        content += framed[end + 2 : end + 2 + size]
        at = end + 2 + size + 2
