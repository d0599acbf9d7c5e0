"""A server on the loopback address whose answers follow a script; each of its waits is bounded."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tailrace_local.cloud.serving.certificates import make_certificate

LIMIT_S = 60.0
"""The longest that a server waits for a client."""


@dataclass(frozen=True)
class Received:
    """A request; ``connection`` counts connections from 0, and ``turn`` the requests of one."""

    connection: int
    turn: int
    method: str
    path: str
    headers: Mapping[str, str]
    socket: socket.socket
    rest: bytes

    @property
    def by_botocore(self) -> bool:
        return "amz-sdk-invocation-id" in self.headers

    def body(self) -> bytes:
        """Read the body, which is still on its way."""
        data, size = bytearray(self.rest), int(self.headers.get("content-length", "0"))
        while len(data) < size:
            data += self.socket.recv(65536)
        return bytes(data)

    def answer(self, body: bytes = b"{}", status: int = 200, **headers: str) -> None:
        """Answer with headers whose names have underscores for hyphens."""
        lines = [f"HTTP/1.1 {status} .", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


class HangUp(Exception):  # noqa: N818 - no error
    """Raised by a script: close the connection."""


Script = Callable[[Received], object]
"""Answers one request: reads its body or not, and writes to its socket."""


@dataclass
class Server:
    """A running server."""

    url: str
    authority: Path | None
    received: list[Received] = field(default_factory=list)


@contextlib.contextmanager
def scripted_server(script: Script, folder: Path | None = None) -> Iterator[Server]:
    """Serve until the block ends: over TLS with a certificate made in ``folder``, or plain HTTP."""
    context, authority = None, None
    if folder is not None:
        made = make_certificate(folder)
        authority = made.authority
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made.server, made.key)
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    server = Server(f"http{'s' if folder else ''}://127.0.0.1:{listener.getsockname()[1]}", authority)
    threads: list[threading.Thread] = []

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _ = listener.accept()
                thread = threading.Thread(target=serve, args=(plain, len(threads)), daemon=True)
                threads.append(thread)
                thread.start()

    def serve(plain: socket.socket, number: int) -> None:
        plain.settimeout(LIMIT_S)
        with contextlib.suppress(OSError, HangUp), plain:
            one = context.wrap_socket(plain, server_side=True) if context else plain
            with one:
                _converse(one, number, server.received, script)

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join(LIMIT_S)


def _converse(one: socket.socket, number: int, received: list[Received], script: Script) -> None:
    turn = 0
    data = b""
    while True:
        while b"\r\n\r\n" not in data:
            if not (piece := one.recv(65536)):
                return
            data += piece
        head, rest = data.split(b"\r\n\r\n", 1)
        first, *lines = head.decode().split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        request = Received(number, turn, method, path, headers, one, rest)
        received.append(request)
        script(request)
        turn, data = turn + 1, b""
