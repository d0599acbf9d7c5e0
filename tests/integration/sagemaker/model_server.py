"""A tiny model server: doubles every line; the custom attributes tell it to misbehave."""

import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from urllib.parse import parse_qs


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/execution-parameters":
            advised = os.environ.get("ADVISED", "")
            self._say(200 if advised else 404, advised.encode())
            return
        self._say(200 if not os.environ.get("SICK") else 500, b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        orders = {k: v[0] for k, v in parse_qs(self.headers.get("X-Amzn-SageMaker-Custom-Attributes", "")).items()}
        time.sleep(float(orders.get("sleep", 0)))
        while "until" in orders and not Path(orders["until"]).exists():
            time.sleep(0.02)
        if "die" in orders:
            os._exit(1)
        if "hang_up" in orders:
            self.close_connection = True
            return
        if "empty" in orders:
            self._say(204, b"")
        elif "status" in orders:
            self._say(int(orders["status"]), f"row 3: {orders['status']}".encode())
        else:
            pad = int(orders.get("headers", 0))
            self._say(200, self._predict(body), chunked="chunked" in orders, headers_bytes=pad)

    def _predict(self, body: bytes) -> bytes:
        if os.environ.get("ECHO_HEADERS"):
            return "".join(f"{name}: {value}\n" for name, value in self.headers.items()).encode()
        weights = Path(os.environ["SM_MODEL_DIR"]) / "weight"
        weight = int(weights.read_text()) if weights.exists() else int(os.environ.get("WEIGHT", "2"))
        return b"".join(b"%d\n" % (int(line) * weight) for line in body.splitlines())

    def _say(self, status: int, body: bytes, *, chunked: bool = False, headers_bytes: int = 0) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/csv; charset=utf-8")
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        elif status != 204:
            self.send_header("Content-Length", str(len(body)))
        if headers_bytes:
            lines: list[bytes] = self._headers_buffer  # type: ignore[attr-defined]  # the status line, then headers
            sent = sum(len(line) for line in lines[1:])
            self.send_header("X-Padding", "x" * (headers_bytes - sent - len("X-Padding: \r\n")))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        sys.stderr.write(format % args + "\n")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def stop(_number: int, _frame: FrameType | None) -> None:
    os._exit(0)


def end_with(parent: int) -> None:
    """End with the test process, which may be killed and would then stop no server."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    Server(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
