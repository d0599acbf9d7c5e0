"""A model that misbehaves as its rows say: a function, and a server of the container contract.

Each row is ``behaviour,x``. Needs only the standard library, so that it can be copied and run. The
server adds one line to `requests.txt` for each request: the behaviour and the number of rows.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HEADER = "behaviour,x"
BAD_ROW = "ClientInputError: a value is missing"


def answer(body: bytes) -> tuple[int, bytes]:
    """Return the status and the answer to the rows, as the first row's behaviour has it."""
    behaviour, values = parsed(body)
    if "NA" in values:
        return 400, BAD_ROW.encode()
    return 200, _ANSWERS[behaviour](values)


def parsed(body: bytes) -> tuple[str, list[str]]:
    """Return the first row's behaviour, and the value of each row. A header is taken away."""
    rows = [line.split(",") for line in body.decode().splitlines() if line != HEADER]
    return rows[0][0], [value for _, value in rows]


def double(value: str) -> str:
    """Return the prediction for a value."""
    return f"{2 * float(value):g}"


def _lines(values: list[str]) -> bytes:
    return "".join(f"{double(value)}\n" for value in values).encode()


def _lists(values: list[str]) -> list[str]:
    return [f"[{value},{double(value)}]" for value in values]


def _drop_a_row(values: list[str]) -> bytes:
    """Leave one of several rows out, and add a line."""
    return _lines(values) if len(values) == 1 else _lines(values[1:]) + b"Warning: 1 row has a rare value\n"


_ANSWERS: dict[str, Callable[[list[str]], bytes]] = {
    "well": _lines,
    "out_of_memory": lambda _: b'{"error": "CUDA out of memory"}',
    "byte_order_mark": lambda values: b"\xef\xbb\xbf" + json.dumps({"predictions": [*map(float, values)]}).encode(),
    "first_row_only": lambda _: b"[0.2,0.4,0.6]",
    "done": lambda values: _lines(values) + b"Done in 0.3 s\n",
    "list_a_line": lambda values: "".join(f"{each}\n" for each in _lists(values)).encode(),
    "joined_lists": lambda values: ",".join(f"[{value},0,1]" for value in values).encode(),
    "nul": lambda values: _lines(values).replace(b"\n", b"\0\n"),
    "latin_1": lambda values: "".join("é\n" for _ in values).encode("latin-1"),
    "page": lambda values: b"<!DOCTYPE html>\n" + b"<p>502 Bad Gateway</p>\n" * (len(values) - 1),
    "reversed": lambda values: _lines(values[::-1]),
    "row_dropped": _drop_a_row,
}


class Handler(BaseHTTPRequestHandler):
    """Answers as `answer`."""

    protocol_version = "HTTP/1.1"
    _log = threading.Lock()

    def do_GET(self) -> None:
        self._send(b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        behaviour, values = parsed(body)
        with self._log, Path("requests.txt").open("a") as log:
            log.write(f"{behaviour} {len(values)}\n")
        status, answered = answer(body)
        self._send(answered, status=status)

    def _send(self, body: bytes, *, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/csv")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Log no requests."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
