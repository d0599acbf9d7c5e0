"""Intents in input order, and confirmations: those that are ready together in one transaction."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tailrace.aws.connections import Boto3Connection
from tailrace.client import Tailrace
from tailrace.submit import threaded_sender
from tailrace.submit.batch_queues import BATCH_INTERVAL_S, batch_size
from tailrace_core.aws.calls import Call, run
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.dynamo_ledger import DynamoLedger
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tests.faults.memory_aws import cloud as names
from tests.faults.simulation import Simulation
from tests.unit.core.job_examples import SETTINGS, chunk_of, new_job, waiting_chunk
from tests.unit.core.strategies import JOB

PATIENCE_S = 120.0
CONCURRENCY = 4


class Watch:
    """An executor that delays the first intent for some uploads, and records transactions."""

    def __init__(self, uploads: int) -> None:
        self.recorded: list[list[str]] = []
        self.confirmed: list[int] = []
        self._uploads = uploads
        self._uploaded = threading.Semaphore(0)

    def __call__(self, execute: Callable[[Call], Any], **_: Any) -> Callable[[Call], Any]:
        def watched(call: Call) -> Any:
            rows = _chunks(call)
            if rows:
                if not self.recorded:
                    assert all(self._uploaded.acquire(timeout=PATIENCE_S) for _ in range(self._uploads))
                self.recorded.append(rows)
            self.confirmed += _confirmed(call)
            answer = execute(call)
            if call.operation == "put_object":
                self._uploaded.release()
            return answer

        return watched


def _chunks(call: Call) -> list[str]:
    items = [each["Put"]["Item"]["item"]["S"] for each in call.params.get("TransactItems", ()) if "Put" in each]
    return [item for item in items if item.startswith("chunk#")]


def _confirmed(call: Call) -> list[int]:
    """Return the number of attempts that a call confirms, if any."""
    parts = [each["Update"] for each in call.params.get("TransactItems", ()) if "Update" in each]
    parts += [call.params] if call.operation == "update_item" else []
    found = sum(each["UpdateExpression"].startswith("SET invoked") for each in parts)
    return [found] if found else []


def submitted(chunks: int, watch: Watch) -> None:
    sim = Simulation()
    connection = Boto3Connection(session=sim.cloud, retry=watch)
    with Tailrace("stack", connection=connection, concurrency=CONCURRENCY, now=sim.cloud.clock) as client:
        client.submit("-", stdin=io.BytesIO(b"x\n" + b"1\n" * chunks), chunk_rows=1, on_progress=lambda _: None)
    flat = [row for rows in watch.recorded for row in rows]
    assert flat == sorted(flat)
    assert len(flat) == chunks


def test_what_is_uploaded_meanwhile_is_recorded_together_and_in_order() -> None:
    watch = Watch(uploads=10)
    began = time.monotonic()
    submitted(10, watch)
    intervals = (time.monotonic() - began) / BATCH_INTERVAL_S
    # At most four uploads were not reported yet.
    assert len(watch.recorded) <= 1 + 1 + CONCURRENCY
    assert sum(watch.confirmed) == 10
    # The first confirmations, one transaction an interval, and what is left at the end.
    assert len(watch.confirmed) <= 2 + intervals


def test_transactions_wait_for_more_chunks_and_at_the_end_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threaded_sender, "BATCH_INTERVAL_S", 10 * PATIENCE_S)
    watch = Watch(uploads=0)
    began = time.monotonic()
    submitted(60, watch)
    full = batch_size(CONCURRENCY)
    assert [len(rows) for rows in watch.recorded[1:-1]] == [full] * (len(watch.recorded) - 2)
    assert len(watch.recorded) <= 60 / full + 2
    assert sum(watch.confirmed) == 60
    assert watch.confirmed[:-1] == [full] * (len(watch.confirmed) - 1)
    assert time.monotonic() - began < PATIENCE_S


def test_several_chunks_are_opened_all_or_none() -> None:
    execute = Boto3Connection(session=Simulation().cloud).execute
    steps = DynamoSteps(names.TABLE)
    ledger = DynamoLedger(steps, execute)
    assert ledger.create_job(new_job(split_budget=SETTINGS.split_budget), SETTINGS)
    first, waiting, later = chunk_of(0, 10), waiting_chunk(10, 10), waiting_chunk(20, 10)
    assert run(steps.open_chunks([first, waiting]), execute)
    assert not run(steps.open_chunks([later, waiting]), execute)
    assert ledger.chunk(JOB, RowRange(20, 10)) is None
    assert run(steps.open_chunks([later]), execute)
    job = ledger.job(JOB)
    assert job is not None
    assert (job.chunks_in_flight, job.chunks_waiting, job.waiting_from) == (1, 2, 10)
