"""The leanest sketches of a submit of numbers: the floor below `tailrace submit`.

    python -m tests.benchmarks.ours.lean_submit copy|submit URL FILE [THREADS]

``copy`` uploads the file in pieces of 4 MiB. ``submit`` also cuts at newlines, compares the number
of commas with that of rows, computes a checksum, records intents and confirmations 25 at a time,
and invokes. Both write HTTP to a socket of each thread. There is no retry, no signature, no look at
an answer, and no bound but the number of threads.
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from os import environ
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from zlib_ng.zlib_ng import crc32

_PIECE_BYTES = 4 * 1024 * 1024
_SENT_BYTES = 1024 * 1024
_BATCH = 25
_NEWLINE, _COMMA = b"\n,"


class _Sink:
    """Connections to the sink, one for each thread."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._address = (address.hostname or "", address.port or 443)
        self._context = ssl.create_default_context(cafile=environ["SSL_CERT_FILE"])
        self._own = threading.local()

    def request(self, method: str, path: str, body: bytes | memoryview, headers: str = "") -> None:
        """Send a request and read its answer, whose head says how long it is."""
        connection = self._connection()
        connection.sendall(
            f"{method} {path} HTTP/1.1\r\nhost: sink\r\n{headers}content-length: {len(body)}\r\n\r\n".encode()
        )
        view = memoryview(body)
        for start in range(0, len(view), _SENT_BYTES):
            connection.sendall(view[start : start + _SENT_BYTES])
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._more(connection)
        length = int(received[:end].lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        while len(received) < end + 4 + length:
            received += self._more(connection)

    def _connection(self) -> ssl.SSLSocket:
        known: ssl.SSLSocket | None = getattr(self._own, "connection", None)
        if known is None:
            plain = socket.create_connection(self._address)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            known = self._own.connection = self._context.wrap_socket(plain, server_hostname=self._address[0])
        return known

    @staticmethod
    def _more(connection: ssl.SSLSocket) -> bytes:
        received = connection.recv(65536)
        if not received:
            raise ConnectionError("the sink closed the connection")
        return received


def _pieces(path: Path) -> Iterator[memoryview]:
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_PIECE_BYTES):
            yield memoryview(piece)


def _chunks(path: Path) -> Iterator[memoryview]:
    """Yield whole rows, all with as many commas as the first."""
    columns = None
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_PIECE_BYTES):
            end = piece.rfind(b"\n") + 1
            file.seek(end - len(piece), 1)
            octets = np.frombuffer(piece, np.uint8)[:end]
            rows = int(np.count_nonzero(octets == _NEWLINE))
            commas = int(np.count_nonzero(octets == _COMMA))
            columns = columns or commas // rows
            if commas != rows * columns:
                raise ValueError("a row has another number of fields")
            yield memoryview(piece)[:end]


class _LeanSubmit:
    """Uploads, records, invokes and confirms chunks, in stages with threads of their own."""

    def __init__(self, sink: _Sink, threads: int) -> None:
        self._sink = sink
        self._room = threading.Semaphore(threads + 2)
        self._uploads = ThreadPoolExecutor(threads)
        self._records = ThreadPoolExecutor(1)
        self._invocations = ThreadPoolExecutor(threads)
        self._confirmations = ThreadPoolExecutor(1)

    def copy(self, pieces: Iterable[memoryview]) -> None:
        """Upload pieces, and do nothing else."""
        _finish(self._uploads, self._sent(pieces, lambda _: ""))

    def submit(self, chunks: Iterable[memoryview]) -> None:
        """Upload chunks and invoke for each."""
        recorded: list[Future[None]] = []
        batch: list[Future[int]] = []
        for each in self._sent(chunks, lambda body: f"x-amz-checksum-crc32: {crc32(body)}\r\n"):
            batch.append(each)
            if len(batch) == _BATCH:
                recorded.append(self._records.submit(self._record, batch))
                batch = []
        recorded.append(self._records.submit(self._record, batch))
        _finish(self._records, recorded)
        for stage in (self._uploads, self._invocations, self._confirmations):
            stage.shutdown()

    def _sent(self, bodies: Iterable[memoryview], headers_of: Callable[[memoryview], str]) -> Iterator[Future[int]]:
        for number, body in enumerate(bodies):
            self._room.acquire()
            yield self._uploads.submit(self._put, number, body, headers_of)

    def _put(self, number: int, body: memoryview, headers_of: Callable[[memoryview], str]) -> int:
        self._sink.request("PUT", f"/bench/v1/{number:06d}", body, headers_of(body))
        self._room.release()
        return number

    def _record(self, batch: list[Future[int]]) -> None:
        numbers = [each.result() for each in batch]
        self._write([_put_item(number) for number in numbers])
        invoked = [self._invocations.submit(self._invoke, number) for number in numbers]
        self._confirmations.submit(self._confirm, invoked)

    def _invoke(self, number: int) -> int:
        self._sink.request(
            "POST", "/endpoints/bench/async-invocations", b"", f"x-amzn-sagemaker-inference-id: {number}\r\n"
        )
        return number

    def _confirm(self, invoked: list[Future[int]]) -> None:
        self._write([_confirmation(each.result()) for each in invoked])

    def _write(self, writes: list[dict[str, Any]]) -> None:
        body = json.dumps({"TransactItems": writes}).encode()
        self._sink.request("POST", "/", body, "x-amz-target: DynamoDB_20120810.TransactWriteItems\r\n")


def _put_item(number: int) -> dict[str, Any]:
    return {"Put": {"Item": {"item": {"S": f"chunk#{number}"}}}}


def _confirmation(number: int) -> dict[str, Any]:
    return {"Update": {"UpdateExpression": "SET invoked = :t", "Key": {"n": {"N": str(number)}}}}


def _finish(stage: ThreadPoolExecutor, futures: Iterable[Future[Any]]) -> None:
    for each in list(futures):
        each.result()
    stage.shutdown()


def main(what: str, url: str, path: Path, threads: int = 8) -> None:
    """Upload the file."""
    lean = _LeanSubmit(_Sink(url), threads)
    if what == "copy":
        lean.copy(_pieces(path))
    else:
        lean.submit(_chunks(path))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), *map(int, sys.argv[4:]))
