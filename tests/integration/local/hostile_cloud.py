"""A cloud that answers its admin API with hostile text, and a process that stands for it."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tailrace_local.cloud.serving.router import STATUS_PATH
from tailrace_local.control.teardown import CLOUD
from tailrace_local.processes import ProcessGroup, ProcessRecord
from tailrace_local.state_directory import CloudAddress, CloudFacts, StateDirectory
from tests.unit.producer.cli.hostile_stack import HOSTILE

ENDPOINT = "demand"
_RULE = {"name": HOSTILE, "when": {"rate": 0.1}, "do": {"kind": "drop"}}
_FAULTS = {"plan": {"rules": [_RULE]}, "counts": {"total": 1, "by_rule": {HOSTILE: 1}}}
_PAGE: dict[str, Any] = {
    "stacks": [{"name": HOSTILE, "status": HOSTILE}],
    "queues": [{"name": HOSTILE, "visible": 1, "in_flight": 0}],
    "mappings": [{"queue": HOSTILE, "function": HOSTILE, "in_flight": 0}],
    "alarms": {"count": 1, "in_alarm": [{"name": HOSTILE, "reason": HOSTILE}]},
    "scaling": [{"target": HOSTILE, "from": 0, "to": 1, "status": HOSTILE, "cause": HOSTILE}],
    "declared": [{"type": HOSTILE, "id": HOSTILE}],
    "time_scale": 1.0,
}


Answer = Callable[[bytes], bytes | None]


def _error(_: bytes) -> bytes:
    return json.dumps({"error": HOSTILE}, ensure_ascii=False).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    answer: Answer
    instances = 1


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        url = f"http://{self.headers['Host']}"
        if self.path == STATUS_PATH:
            self._say(_PAGE)
        elif self.path.endswith("/log"):
            self._say({"log": [{"time": 1, "rule": HOSTILE}]})
        elif "faults" in self.path:
            self._say(_FAULTS)
        else:
            instances = [{"ready": True, "urls": [url]}] * self.server.instances
            self._say({"status": HOSTILE, "instances": instances, "backlog": 0})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/invocations":
            answer = self.server.answer(body)
            if answer is not None:
                self._write(answer)
        else:
            self._say({"killed": [HOSTILE]})

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._say(_FAULTS)

    def do_DELETE(self) -> None:
        self._say(_FAULTS)

    def _say(self, value: dict[str, Any]) -> None:
        self._write(json.dumps(value, ensure_ascii=False).encode())

    def _write(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Hostile", "\x1b[2J\x9b31m")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Log no requests."""


@contextmanager
def hostile_cloud(folder: Path, *, answer: Answer = _error, instances: int = 1) -> Iterator[StateDirectory]:
    """Yield the state directory of a cloud that seems to be up.

    ``answer`` is the model's answer to a request; None closes the connection without one.
    """
    server = _Server(("127.0.0.1", 0), _Handler)
    server.answer, server.instances = answer, instances
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    state = StateDirectory(folder / "state")
    state.create()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    group = ProcessGroup.start(
        ["sleep", "600"], what=CLOUD, records=state.processes, environment=os.environ, cwd=None, output=-3
    )
    ProcessRecord(2**22 + 1, 2**22 + 1, time.time(), HOSTILE).write(state.processes, "gone")
    state.write_address(CloudAddress(url))
    credentials_region = "eu-west-1\x1b[2J\x9b\u202e"
    state.write_facts(
        CloudFacts(url, credentials_region, "123456789012", str(state.root), HOSTILE, endpoint_name=ENDPOINT)
    )
    (state.logs / "model.log").write_text(f"{HOSTILE}\n")
    try:
        yield state
    finally:
        group.kill()
        server.shutdown()
        thread.join()
        server.server_close()
