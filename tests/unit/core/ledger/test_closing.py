from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.jobs.limits import excess_rejects_reason
from tailrace_core.jobs.model import Chunk, ChunkState, Job, JobSettings, JobState
from tailrace_core.jobs.ranges import RowRange, first_gap
from tailrace_core.ledger.closing import cancel_open_chunks, close_job
from tailrace_core.ledger.finishing import finish_if_complete
from tailrace_core.ledger.memory import MemoryLedger
from tailrace_core.ledger.rules import Settlement
from tailrace_core.messages.events import JobFinished

JOB_ID = "01JD0000000000000000000000"
NOW = 1_700_000_000.0


def ledger_with(ranges: list[RowRange]) -> MemoryLedger:
    ledger = MemoryLedger()
    job = Job(job_id=JOB_ID, state=JobState.SUBMITTING, created_at=NOW, deadline_at=NOW + 86_400)
    ledger.create_job(job, JobSettings(endpoint_name="demand"))
    for rows in ranges:
        ledger.open_chunk(Chunk(job_id=JOB_ID, range=rows, due_at=NOW))
    return ledger


def job_of(ledger: MemoryLedger) -> Job:
    found = ledger.job(JOB_ID)
    assert found is not None
    return found


@given(
    st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["open", "scored", "missing"])), max_size=8), st.booleans()
)
def test_a_closed_job_adds_up_whatever_was_submitted(chunks: list[tuple[int, str]], sealed: object) -> None:
    ranges, states, first = [], {}, 0
    for rows, state in chunks:
        here = RowRange(first, rows)
        first += rows
        if state != "missing" or sealed:
            ranges.append(here)
            states[here] = state
    ledger = ledger_with(ranges)
    for here, state in states.items():
        if state == "scored":
            ledger.settle(Settlement(job_id=JOB_ID, range=here, state=ChunkState.SCORED))
    if sealed:
        ledger.seal(JOB_ID, first)

    assert close_job(JOB_ID, JobState.CANCELLED, "asked for", ledger=ledger, now=NOW)
    for _ in range(len(chunks) + 1):
        cancel_open_chunks(JOB_ID, ledger=ledger, now=NOW, limit=2)

    job = job_of(ledger)
    assert job.complete
    assert job.rows_total == (max((here.end for here in ranges), default=0) if not sealed else first)
    leaves = [chunk for chunk in ledger.chunks(JOB_ID) if chunk.state.leaf]
    assert first_gap((chunk.range for chunk in leaves), job.rows_total or 0) is None
    assert not any(chunk.state is ChunkState.OPEN for chunk in leaves)


def test_work_is_bounded_and_carried_on() -> None:
    ledger = ledger_with([RowRange(row, 1) for row in range(5)])
    close_job(JOB_ID, JobState.FAILED, "too bad", ledger=ledger, now=NOW)

    assert not cancel_open_chunks(JOB_ID, ledger=ledger, now=NOW, limit=3)
    assert job_of(ledger).rows_cancelled == 3
    assert cancel_open_chunks(JOB_ID, ledger=ledger, now=NOW, limit=3)
    assert job_of(ledger).complete


def test_a_closed_job_is_looked_at_at_once() -> None:
    ledger = ledger_with([])
    assert close_job(JOB_ID, JobState.FAILED, "too bad", ledger=ledger, now=NOW)
    assert [due.range for due in ledger.overdue(NOW, 10)] == [None]


def test_only_a_closing_job_is_touched() -> None:
    ledger = ledger_with([RowRange(0, 1)])
    assert cancel_open_chunks(JOB_ID, ledger=ledger, now=NOW, limit=9)
    assert job_of(ledger).rows_settled == 0
    assert cancel_open_chunks("unknown", ledger=ledger, now=NOW, limit=9)


def test_a_job_is_closed_once() -> None:
    ledger = ledger_with([])
    assert close_job(JOB_ID, JobState.FAILED, "first", ledger=ledger, now=NOW)
    assert not close_job(JOB_ID, JobState.CANCELLED, "second", ledger=ledger, now=NOW)
    assert job_of(ledger).reason == "first"


@pytest.mark.parametrize(
    ("limits", "total", "rejected", "over"),
    [
        ({}, 10, 10, False),
        ({"max_rejects": 3}, None, 3, False),
        ({"max_rejects": 3}, None, 4, True),
        ({"max_rejects": 0}, 10, 1, True),
        ({"max_rejects_percent": 10}, None, 9, False),
        ({"max_rejects_percent": 10}, 100, 10, False),
        ({"max_rejects_percent": 10}, 100, 11, True),
        ({"max_rejects_percent": 0}, 100, 1, True),
        ({"max_rejects_percent": 0}, 0, 0, False),
    ],
)
def test_limits_of_rejected_rows(limits: dict[str, Any], total: int | None, rejected: int, over: object) -> None:
    settings = JobSettings(endpoint_name="demand", **limits)
    job = Job(
        job_id=JOB_ID, state=JobState.RUNNING, created_at=0, deadline_at=1, rows_total=total, rows_rejected=rejected
    )
    assert (excess_rejects_reason(job, settings) is not None) is over


class Outside:
    def put_manifest(self, key: str, body: bytes) -> str:
        assert body
        return f"s3://bucket/{key}"

    def publish(self, event: JobFinished) -> None:
        assert event.state is JobState.FAILED


def test_a_job_sealed_after_its_last_reject_fails_by_its_limit_in_per_cent() -> None:
    ledger = MemoryLedger()
    job = Job(job_id=JOB_ID, state=JobState.SUBMITTING, created_at=NOW, deadline_at=NOW + 86_400)
    ledger.create_job(job, JobSettings(endpoint_name="demand", max_rejects_percent=10))
    ledger.add_rejected(Chunk(job_id=JOB_ID, range=RowRange(0, 4), due_at=NOW))
    assert ledger.seal(JOB_ID, 4)

    assert finish_if_complete(JOB_ID, ledger=ledger, store=Outside(), publisher=Outside(), now=NOW) is not None

    assert job_of(ledger).state is JobState.FAILED
    assert "10 % are allowed" in (job_of(ledger).reason or "")
