"""Published events: round trips, tolerance, stable ids."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.errors import MessageError
from tailrace_core.jobs.failures import FailureClass
from tailrace_core.jobs.identities import MAX_ATTEMPT
from tailrace_core.jobs.model import Job, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.messages.events import (
    EVENT_BYTES,
    ChunkParked,
    DiscardDue,
    JobFinished,
    PartReady,
    RetryDue,
    decode,
    decode_published,
    message_attributes,
)
from tests.unit.core.strategies import JOB, row_ranges

PART = PartReady(
    event_id=PartReady.id_of(JOB, RowRange(0, 2)),
    job_id=JOB,
    endpoint="demand",
    first_row=0,
    rows=2,
    rejected=1,
    location="s3://b/p.csv",
    size_bytes=8,
    checksum="crc32:00000001",
    columns=("id", "prediction"),
    body="1,0.5\n2,\n",
)
FINISHED = JobFinished(
    event_id=f"JobFinished:{JOB}", job_id=JOB, endpoint="demand", state=JobState.COMPLETED_WITH_REJECTS, rows_total=2,
    rows_scored=1, rows_rejected=1, rows_cancelled=0, manifest_location="s3://b/m.json", finished_at=1.5,
)  # fmt: skip
PARKED = ChunkParked(
    event_id=ChunkParked.id_of(JOB, RowRange(0, 2), 3), job_id=JOB, endpoint="demand", first_row=0, rows=2, attempt=3,
    failure_class=FailureClass.INFRASTRUCTURE, reason="AccessDenied", input_location="s3://b/i.csv", advice="Look.",
)  # fmt: skip
RETRY = RetryDue(job_id=JOB, first_row=0, rows=2, attempt=2, tries=2, reason="500")
ALL = [PART, FINISHED, PARKED, RETRY]


@pytest.mark.parametrize("message", ALL, ids=lambda message: message.type)
def test_messages_round_trip(message: Any) -> None:
    assert decode(type(message), message.to_json()) == message


@pytest.mark.parametrize("message", ALL, ids=lambda message: message.type)
def test_what_a_newer_version_adds_is_ignored(message: Any) -> None:
    newer = {**json.loads(message.to_json()), "added_later": {"x": [1]}}
    assert decode(type(message), json.dumps(newer)) == message


@pytest.mark.parametrize("message", ALL, ids=lambda message: message.type)
def test_another_schema_version_is_refused(message: Any) -> None:
    other = {**json.loads(message.to_json()), "schema_version": 2}
    with pytest.raises(MessageError, match="schema_version"):
        decode(type(message), json.dumps(other))


@pytest.mark.parametrize("event", [PART, FINISHED])
def test_published_events_are_told_apart_by_their_type_bare_or_enveloped(event: Any) -> None:
    assert decode_published(event.to_json()) == event
    assert decode_published(json.dumps({"Type": "Notification", "Message": event.to_json()})) == event


@pytest.mark.parametrize("body", ["", "{}", "[]", PARKED.to_json(), RETRY.to_json(), '{"type":"Other"}', "[" * 100_000])
def test_anything_else_is_one_typed_error_with_the_bytes(body: str) -> None:
    with pytest.raises(MessageError) as caught:
        decode_published(body)
    assert caught.value.raw == body.encode()


@pytest.mark.parametrize("bad", [{"first_row": -1}, {"rows": 0}, {"attempt": 0}, {"rows": 10**13}])
def test_ranges_that_cannot_be_are_refused_on_reading(bad: dict[str, int]) -> None:
    with pytest.raises(MessageError):
        decode(RetryDue, json.dumps({**json.loads(RETRY.to_json()), **bad}))


@given(row_ranges(), row_ranges(), st.integers(1, 99))
def test_ids_follow_from_what_is_reported(one: RowRange, other: RowRange, attempt: int) -> None:
    assert (PartReady.id_of(JOB, one) == PartReady.id_of(JOB, other)) == (one == other)
    assert ChunkParked.id_of(JOB, one, attempt) != ChunkParked.id_of(JOB, one, attempt + 1)


def test_the_final_event_follows_from_the_job_alone() -> None:
    job = Job(
        job_id=JOB, state=JobState.FINISHING, created_at=0.0, deadline_at=9.0, rows_total=2, rows_scored=1,
        rows_rejected=1, finishing_at=1.5,
    )  # fmt: skip
    assert JobFinished.of(job, endpoint="demand", manifest_location="s3://b/m.json") == FINISHED


def test_a_job_that_is_not_being_finished_has_no_final_event() -> None:
    job = Job(job_id=JOB, state=JobState.RUNNING, created_at=0.0, deadline_at=9.0, rows_total=2)
    with pytest.raises(ValueError, match="not being finished"):
        JobFinished.of(job, endpoint="demand", manifest_location="s3://b/m.json")


def test_subscribers_filter_on_type_version_job_and_endpoint() -> None:
    assert {name: value["StringValue"] for name, value in message_attributes(PART).items()} == {
        "type": "PartReady", "job_id": JOB, "endpoint": "demand", "schema_version": "1",
    }  # fmt: skip


def test_a_body_that_escaping_makes_too_large_stays_in_the_bucket() -> None:
    large = PART.model_copy(update={"body": "\x01" * 60_000})
    assert len(large.to_json()) > EVENT_BYTES
    assert large.without_large_body() == PART.model_copy(update={"body": None})
    assert PART.without_large_body() is PART


@pytest.mark.parametrize("model", [RetryDue, DiscardDue])
def test_an_attempt_beyond_the_highest_is_no_message(model: type[RetryDue | DiscardDue]) -> None:
    fields = {"job_id": "01JD0000000000000000000000", "first_row": 0, "rows": 1, "tries": 1, "reason": "late"}
    highest = json.dumps({**fields, "attempt": MAX_ATTEMPT})
    assert decode(model, highest).attempt == MAX_ATTEMPT
    with pytest.raises(MessageError, match="attempt"):
        decode(model, json.dumps({**fields, "attempt": MAX_ATTEMPT + 1}))
