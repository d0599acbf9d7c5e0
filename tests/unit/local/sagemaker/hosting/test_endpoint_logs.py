"""Model servers' output reaches the log once and in whole lines, and a refusal stops nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tailrace_local.sagemaker.errors import EmulatorError
from tailrace_local.sagemaker.hosting.endpoint_logs import EndpointLogs, endpoint_logs
from tailrace_local.sagemaker.ports import LogStream

STREAM = LogStream("role", "/aws/sagemaker/Endpoints/demand", "AllTraffic/demand-AllTraffic-1-1")


class Sink:
    def __init__(self, *, refuses: bool = False) -> None:
        self.put_lines: list[tuple[LogStream, list[str]]] = []
        self._refuses = refuses

    async def put(self, stream: LogStream, lines: Sequence[str]) -> None:
        self.put_lines.append((stream, list(lines)))
        if self._refuses:
            raise EmulatorError("no")


def endpoint() -> Any:
    instance = SimpleNamespace(name="demand-AllTraffic-1-1")
    fleet = SimpleNamespace(plan=SimpleNamespace(role_arn="role"), instances=[instance])
    return SimpleNamespace(name="demand", deployment=SimpleNamespace(fleets={"AllTraffic": fleet}))


def carried(folder: Path, sink: Sink, *writes: bytes) -> None:
    logs = EndpointLogs(folder, sink)
    for text in writes:
        with (folder / "demand-AllTraffic-1-1-0.log").open("ab") as file:
            file.write(text)
        asyncio.run(logs.forward(endpoint_logs([endpoint()])))


def test_lines_are_carried_once_to_the_instances_stream(tmp_path: Path) -> None:
    sink = Sink()
    carried(tmp_path, sink, b"a\nb\n", b"", b"c\n")
    assert sink.put_lines == [(STREAM, ["a", "b"]), (STREAM, ["c"])]


def test_half_a_line_waits_for_its_end(tmp_path: Path) -> None:
    sink = Sink()
    carried(tmp_path, sink, b"a\nb", b"c\n")
    assert sink.put_lines == [(STREAM, ["a"]), (STREAM, ["bc"])]


def test_what_is_refused_is_lost_and_the_next_is_tried(tmp_path: Path) -> None:
    sink = Sink(refuses=True)
    carried(tmp_path, sink, b"a\n", b"b\n")
    assert [lines for _, lines in sink.put_lines] == [["a"], ["b"]]


def test_an_endpoint_without_a_deployment_has_nothing() -> None:
    without: Any = SimpleNamespace(name="demand", deployment=None)
    assert list(endpoint_logs([without])) == []
