from __future__ import annotations

from dataclasses import replace

import pytest

from tailrace.console.runbook import entries
from tailrace.console.snapshot import Alarm, Queues, QueueSize, Snapshot
from tailrace.console.views.attention import attention, ringing
from tailrace.operations.attention import Attention
from tailrace.operations.parked import ParkedChunk, ParkedStatus
from tests.unit.producer.console.jobs import CREATED, JOB_ID, chunk, job

DENIED = "An error occurred (AccessDenied) when calling the GetObject operation"


def parked(first_row: int, reason: str, status: ParkedStatus = ParkedStatus.PARKED) -> ParkedChunk:
    found = chunk(first_row, 5, parked=True, parked_at=CREATED + first_row, reason=reason)
    return ParkedChunk(job_id=JOB_ID, range=found.range, status=status, chunk=found)


def test_parked_chunks_are_grouped_by_cause_with_an_entry_of_the_runbook() -> None:
    chunks = (parked(0, DENIED), parked(5, "price 'x' is no number"), parked(10, "price 'y' is no number"))
    found = attention(Snapshot(at=CREATED, parked=Attention(chunks=chunks, complete=True, messages=5)))
    assert [(len(each.cause.chunks), each.since) for each in found.causes] == [(2, CREATED + 5), (1, CREATED)]
    assert found.causes[1].entry == "the-endpoint-cannot-read-or-write"
    assert all(each.entry in entries() for each in found.causes)
    assert len({each.key for each in found.causes}) == 2
    assert (found.parked, found.stale_messages, found.nothing) == (3, 2, False)


def test_a_parked_chunk_of_a_job_that_ended_needs_nobody() -> None:
    chunks = (parked(0, DENIED, ParkedStatus.JOB_ENDED),)
    found = attention(Snapshot(at=CREATED, parked=Attention(chunks=chunks, complete=True, messages=1)))
    assert found.nothing
    assert found.stale_messages == 1


def test_late_jobs_dead_letters_and_alarms_count() -> None:
    snapshot = Snapshot(at=CREATED + 86_401, jobs=(job(rows_scored=10),))
    assert [each.job.job_id for each in attention(snapshot).late] == [JOB_ID]
    letters = Queues((QueueSize("failed", 2), QueueSize("retries", 0), QueueSize("parked", None)))
    found = attention(replace(snapshot, queues=letters, alarms=(Alarm("a", "", None),)))
    assert [each.name for each in found.dead_letters] == ["failed"]
    assert found.count == 3
    assert attention(Snapshot(at=CREATED)).nothing


@pytest.mark.parametrize(
    ("description", "severity", "text", "entry"),
    [
        ("page: jobs are late. https://x/operations.md#jobs-are-late", "page", "Jobs are late.", "jobs-are-late"),
        ("ticket: slow. docs/operations.md#the-model-is-slow", "ticket", "Slow.", "the-model-is-slow"),
        ("an alarm of somebody else", "ticket", "an alarm of somebody else", ""),
        ("", "ticket", "name", ""),
    ],
)
def test_an_alarms_description_names_its_urgency_and_entry(
    description: str, severity: str, text: str, entry: str
) -> None:
    found = ringing(Alarm("name", description, None))
    assert (found.severity, found.text, found.entry) == (severity, text, entry)
