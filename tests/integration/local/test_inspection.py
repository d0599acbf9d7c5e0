"""`tailrace local status` against a cloud's admin API."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from tailrace_local.control.inspection import inspect
from tailrace_local.control.teardown import CLOUD
from tailrace_local.errors import SilentCloudError
from tailrace_local.processes import ProcessRecord
from tailrace_local.state_directory import CloudAddress, CloudFacts, StateDirectory


@dataclass
class Surface:
    """An admin API with one page, which records the requests."""

    url: str = ""
    page: bytes = b""
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def surface() -> Iterator[Surface]:
    surface = Surface()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            surface.asked.append(self.path)
            content = surface.page if self.path == "/_tailrace/status" else b"{}"
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        surface.url = f"http://127.0.0.1:{server.server_port}"
        yield surface
        server.shutdown()
        thread.join()


@pytest.fixture
def state(tmp_path: Path, surface: Surface) -> StateDirectory:
    """The state directory of a cloud whose process is this one."""
    state = StateDirectory(tmp_path / "state")
    state.create()
    pid = os.getpid()
    ProcessRecord(pid, os.getpgid(pid), psutil.Process().create_time(), CLOUD).write(state.processes)
    state.write_address(CloudAddress(surface.url))
    state.write_facts(CloudFacts(surface.url, "eu-west-1", "123456789012", "", "tailrace", endpoint_name="demand"))
    return state


def test_as_much_is_asked_whatever_the_number_of_queues(surface: Surface, state: StateDirectory) -> None:
    queues = [{"name": f"queue-{each}", "visible": each, "in_flight": 0, "delayed": 0} for each in range(50)]
    stacks = [{"name": "another", "status": "DELETE_FAILED"}, {"name": "tailrace", "status": "UPDATE_COMPLETE"}]
    surface.page = json.dumps({"stacks": stacks, "queues": queues, "mappings": []}).encode()
    found = inspect(state)
    assert surface.asked == [
        "/_tailrace/status",
        "/_tailrace/sagemaker/endpoints/demand",
        "/_tailrace/sagemaker/transform-jobs",
    ]
    assert found["stack"] == {"name": "tailrace", "status": "UPDATE_COMPLETE"}
    assert found["queues"] == queues
    assert "stacks" not in found


def test_a_cloud_that_says_nothing_sensible_is_told_with_what_to_do(surface: Surface, state: StateDirectory) -> None:
    surface.page = b"<html>"
    with pytest.raises(SilentCloudError, match="tailrace local logs cloud"):
        inspect(state)
