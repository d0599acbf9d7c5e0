"""A model server of a user's own, with nothing but the standard library and the container contract.

Its environment chooses how it misbehaves: WRONG=port, crash or silence.
"""

from __future__ import annotations

import math
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Handler(BaseHTTPRequestHandler):
    """Answers each row with the sum of its fields and the weight of the model's data."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._send(b"")

    def do_POST(self) -> None:
        rows = self.rfile.read(int(self.headers["Content-Length"])).decode().splitlines()
        try:
            self._send("".join(map(self._scored, rows)).encode())
        except ValueError as exc:
            # As web frameworks do with an exception that nobody handles.
            self._send(f"Internal Server Error: {exc}".encode(), status=500)

    @staticmethod
    def _scored(row: str) -> str:
        values = [float(field) for field in row.split(",")]
        if any(map(math.isnan, values)):
            raise ValueError("Input X contains NaN.")
        return f"{sum(values) * WEIGHT + OFFSET:g}\n"

    def _send(self, body: bytes, *, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/csv")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Log no requests."""


data = Path(os.environ["SM_MODEL_DIR"]) / "weight.txt"
WEIGHT = float(data.read_text()) if data.exists() else 1.0
OFFSET = float(Path("offset.txt").read_text()) if Path("offset.txt").exists() else 0.0
port = int(os.environ["SAGEMAKER_BIND_TO_PORT"])
wrong = os.environ.get("WRONG")
print(f"own model: weight {WEIGHT}, offset {OFFSET}, in {Path.cwd()}", flush=True)
if wrong == "crash":
    sys.exit("cannot load the model: the file is from another version")
if wrong == "silence":
    threading.Event().wait()
ThreadingHTTPServer(("127.0.0.1", 0 if wrong == "port" else port), Handler).serve_forever()
