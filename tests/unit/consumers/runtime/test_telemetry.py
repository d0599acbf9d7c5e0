"""A batch's log and metrics are the same with threads as without."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tailrace_consumers.outcomes import Outcome
from tailrace_consumers.ports import DeferToSerialError
from tailrace_consumers.runtime import gc_tuning, telemetry
from tailrace_consumers.runtime.batches import Record
from tailrace_consumers.runtime.deferred_checks import DeferredCompletion
from tailrace_consumers.runtime.grouped_settling import GroupedSettling
from tailrace_consumers.runtime.metrics import Metric
from tailrace_core.errors import ContractError, TransientError
from tailrace_core.jobs.model import Job
from tailrace_core.ledger.memory import MemoryLedger
from tests.fakes.consumer_ports import MemoryPublisher
from tests.unit.consumers.threads import bounded, switching_often

BODIES = ["scored", "large", "parked", "transient", "nonsense", "bug", "alone for ever", "scored", "no look", "scored"]


@pytest.fixture(autouse=True)
def _anew(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[None]:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Tailrace")
    # A logger keeps the standard output of its first use: each test needs its own name.
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", request.node.name)
    monkeypatch.setattr(gc_tuning, "resume_collection", lambda: None)
    for each in (telemetry.logger, telemetry.metrics):
        each.cache_clear()
    yield
    for each in (telemetry.logger, telemetry.metrics):
        each.cache_clear()


class RecordingCheck:
    def end_if_due(self, job_id: str) -> None:
        if job_id == "no look":
            raise TransientError("the ledger is busy")

    def fill_window(self, job: Job) -> None:
        raise AssertionError(f"no job goes on: {job}")


def handle(record: Record, deferred: DeferredCompletion) -> telemetry.HandledMessage:
    meter = telemetry.EmbeddedMeter()
    body = record.body
    match body:
        case "large" if not record.serial:
            raise DeferToSerialError
        case "alone for ever":
            raise DeferToSerialError("whatever the others do")
        case "transient":
            raise TransientError("gone")
        case "nonsense":
            raise ContractError("no JSON")
        case "bug":
            raise ZeroDivisionError
    for _ in range(30):
        meter.record(Metric.ROWS_SCORED, 2)
    deferred.for_message(record.message_id).check(body)
    return Outcome.PARKED if body == "parked" else Outcome.SCORED, body


def said(
    capsys: pytest.CaptureFixture[str], concurrency: int
) -> tuple[Any, Counter[tuple[str, ...]], dict[str, float]]:
    """Return the response, the count of each log line, and the sum of each metric."""
    event = {"Records": [{"messageId": f"m{at}", "body": body} for at, body in enumerate(BODIES)]}
    deferred = DeferredCompletion(RecordingCheck())
    answers: list[Any] = []
    act = partial(
        telemetry.process_concurrently,
        event,
        partial(handle, deferred=deferred),
        GroupedSettling(MemoryLedger(), MemoryPublisher()),
        deferred,
        concurrency=concurrency,
    )
    with switching_often():
        bounded(lambda: answers.append(act()))
    lines = Counter[tuple[str, ...]]()
    sums = Counter[str]()
    for line in capsys.readouterr().out.splitlines():
        found = json.loads(line)
        if "_aws" not in found:
            told = ("level", "message", "subject", "message_id", "error", "reason", "exception_name")
            lines[tuple(str(found.get(name)) for name in told)] += 1
            continue
        for metric in found["_aws"]["CloudWatchMetrics"][0]["Metrics"]:
            sums[metric["Name"]] += sum(found[metric["Name"]])
    return answers[0], lines, dict(sums)


@pytest.mark.parametrize("concurrency", [2, 4, 10])
def test_by_threads_the_same_is_said(capsys: pytest.CaptureFixture[str], concurrency: int) -> None:
    one_at_a_time = said(capsys, 1)
    answer, lines, sums = one_at_a_time
    assert [each["itemIdentifier"] for each in answer["batchItemFailures"]] == ["m3", "m4", "m5", "m6", "m8"]
    assert sums == {
        "RowsScored": 6 * 60.0,
        "ChunksScored": 5.0,
        "ChunksParked": 1.0,
        "MessagesFailed": 4.0,
        "MessagesUndecodable": 1.0,
    }
    assert set(lines.values()) == {1}
    # Each message, and the failed check.
    assert len(lines) == len(BODIES) + 1

    assert said(capsys, concurrency) == one_at_a_time


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_when_the_process_ends_what_was_counted_is_said(
    capsys: pytest.CaptureFixture[str], error: type[BaseException]
) -> None:
    def fatal(record: Record) -> telemetry.HandledMessage:
        telemetry.EmbeddedMeter().record(Metric.ROWS_SCORED, 2)
        if record.message_id == "m0":
            raise error
        return Outcome.SCORED, "x"

    event = {"Records": [{"messageId": f"m{at}", "body": "x"} for at in range(4)]}
    nothing = GroupedSettling(MemoryLedger(), MemoryPublisher()), DeferredCompletion(RecordingCheck())
    with pytest.raises(error):
        bounded(lambda: telemetry.process_concurrently(event, fatal, *nothing, concurrency=2))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (metrics,) = (line for line in lines if "_aws" in line)
    logged = sum(line.get("message") == "ChunksScored" for line in lines)
    assert sum(metrics.get("ChunksScored", [])) == logged
    assert sum(metrics["RowsScored"]) == 2 * (logged + 1)
