"""The Lambda Runtime API for one worker's runtime client.

Source of the paths and headers: AWS's "Using the Lambda runtime API for custom runtimes".
"""

from __future__ import annotations

import contextlib
import json
import queue
import threading
import time
import uuid
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tailrace_local.loopback import refusal

_ROOT = "/2018-06-01/runtime"
_MAX_ANSWER_BYTES = 6 * 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """A function's answer: JSON, and whether it describes an error."""

    payload: bytes
    failed: bool = False


@dataclass(frozen=True)
class Invocation:
    """One event on its way to a worker."""

    request_id: str
    payload: bytes
    arn: str
    deadline: float
    answer: Future[Answer] = field(default_factory=Future)

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the event for the runtime client."""
        trace = uuid.uuid4().hex
        return {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": self.request_id,
            "Lambda-Runtime-Deadline-Ms": str(int(self.deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": self.arn,
            "Lambda-Runtime-Trace-Id": f"Root=1-{int(time.time()):08x}-{trace[:24]};Parent={trace[16:]};Sampled=0",
        }

    def settle(self, answer: Answer) -> None:
        """Set the answer. Only the first call has an effect."""
        with contextlib.suppress(InvalidStateError):
            self.answer.set_result(answer)


class RuntimeApi:
    """A server for one worker process."""

    def __init__(self) -> None:
        self.ready = threading.Event()
        self.init_error: Answer | None = None
        self._waiting: queue.Queue[Invocation | None] = queue.Queue()
        self._current: Invocation | None = None
        self._server = _Server(("127.0.0.1", 0), _Handler, self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """Host and port, for the variable AWS_LAMBDA_RUNTIME_API."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def send(self, invocation: Invocation) -> None:
        """Give the worker this event with its next request."""
        self._current = invocation
        self._waiting.put(invocation)

    def close(self) -> None:
        """End the worker's waiting request, and stop the server."""
        self._waiting.put(None)
        self._server.shutdown()
        self._server.server_close()

    def next(self) -> Invocation | None:
        """Wait for the next event; None when the server stops."""
        self.ready.set()
        return self._waiting.get()

    def answered(self, request_id: str, answer: Answer) -> bool:
        """Accept an answer; False when it is not for the current event."""
        current = self._current
        if current is None or current.request_id != request_id:
            return False
        if len(answer.payload) > _MAX_ANSWER_BYTES:
            answer = failure(
                "Function.ResponseSizeTooLarge",
                f"Response payload size exceeded maximum allowed payload size ({_MAX_ANSWER_BYTES} bytes).",
            )
        current.settle(answer)
        return True

    def init_failed(self, payload: bytes) -> None:
        """Record that the handler could not be loaded."""
        self.init_error = Answer(payload, failed=True)
        self.ready.set()


def failure(error_type: str, message: str) -> Answer:
    """Return an error in Lambda's format."""
    return Answer(json.dumps({"errorType": error_type, "errorMessage": message}).encode(), failed=True)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], api: RuntimeApi) -> None:
        self.api = api
        super().__init__(address, handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    # Headers and body are two writes, and Nagle's algorithm would delay the second by 40 ms.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if self._refused():
            return
        if self.path != f"{_ROOT}/invocation/next":
            self._reply(HTTPStatus.NOT_FOUND, b"{}")
            return
        invocation = self.server.api.next()
        if invocation is None:
            self.close_connection = True
            return
        self._reply(HTTPStatus.OK, invocation.payload, invocation.headers)

    def do_POST(self) -> None:
        payload = self._body()
        if self._refused():
            return
        match self.path.removeprefix(_ROOT).strip("/").split("/"):
            case ["init", "error"]:
                self.server.api.init_failed(payload)
                known = True
            case ["invocation", request_id, ("response" | "error") as kind]:
                known = self.server.api.answered(request_id, Answer(payload, failed=kind == "error"))
            case _:
                known = False
        if known:
            self._reply(HTTPStatus.ACCEPTED, b'{"status":"OK"}')
        else:
            self._reply(HTTPStatus.BAD_REQUEST, b'{"errorType":"InvalidRequestID","errorMessage":"Invalid request ID"}')

    def log_message(self, *_: Any) -> None:
        """Log no requests of the runtime client."""

    def _refused(self) -> bool:
        why = refusal(
            self.headers.get_all("Host", []),
            self.headers.get_all("Origin", []),
            self.headers.get_all("Sec-Fetch-Site", []),
            port=int(self.server.server_address[1]),
        )
        if why is not None:
            self._reply(HTTPStatus.FORBIDDEN, json.dumps({"errorType": "Refused", "errorMessage": why}).encode())
        return why is not None

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _reply(self, status: HTTPStatus, payload: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {"Content-Type": "application/json"}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)
