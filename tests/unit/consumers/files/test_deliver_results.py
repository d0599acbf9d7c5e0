"""Results of files in the outbox: whole, once, and never replaced by those of an earlier arrival."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_consumers.files.inbox_names import is_later
from tailrace_consumers.outcomes import Outcome
from tailrace_core.errors import ContractError, MessageError, TransientError
from tailrace_core.jobs.model import JobState
from tailrace_core.messages.arrivals import DeliveryDue, decode_delivery
from tailrace_core.messages.events import JobFinished
from tailrace_core.objects import keys
from tailrace_core.objects.joining.plan import JoinLimits
from tests.faults.memory_aws.cloud import BUCKET
from tests.unit.consumers.files.inbox_bench import CSV, Inbox

SMALL = JoinLimits(min_part_bytes=5, max_part_bytes=400, max_parts=100, gather_bytes=8)
BODIES = (b"0.1\n0.2\n", b"0.3\n" * 5, b"0.4\n", b"0.5\n", b"0.6\n" * 9, b"7\n")
WHOLE = b"prediction\n" + b"".join(BODIES)
REJECTS = {0: b'1,"no",4,5,6\n', 2: b'7,"never",7,8,9\n', 4: b'8,"no",1,1,1\n' * 3}


def started(inbox: Inbox, name: str = "a.csv") -> str:
    inbox.start(inbox.drop(name, CSV + str(len(inbox.jobs)).encode() + b",0,0\n"))
    return inbox.jobs[-1]


def test_a_finished_job_puts_its_result_its_manifest_and_its_rejects_into_the_outbox() -> None:
    inbox = Inbox()
    job = started(inbox)
    manifest = inbox.finish(job, BODIES, rejects=REJECTS)
    assert inbox.deliver(job) is Outcome.DELIVERED
    assert inbox.outbox == {
        "a.csv": WHOLE,
        "a.csv.manifest.json": manifest.to_json().encode(),
        "a.csv.rejects.csv": b"row,reason,id,a,b\n" + b"".join(REJECTS.values()),
    }


def test_a_job_without_rejects_has_an_empty_file_of_them() -> None:
    inbox = Inbox()
    job = started(inbox)
    inbox.finish(job)
    inbox.deliver(job)
    assert inbox.outbox["a.csv.rejects.csv"] == b"row,reason,id,a,b\n"


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED])
def test_a_job_without_a_whole_result_has_a_report(state: JobState) -> None:
    inbox = Inbox()
    job = started(inbox)
    inbox.finish(job, state=state, reason="the model answered 500")
    assert inbox.deliver(job) is Outcome.FILE_FAILED
    assert inbox.deliver(job) is Outcome.FILE_FAILED
    ((name, body),) = inbox.outbox.items()
    report = json.loads(body)
    assert name == "a.csv.error.json"
    assert (report["state"], report["reason"], report["job_id"]) == (state, "the model answered 500", job)
    assert (report["version_id"], report["rows_scored"]) == ("v1", 3)
    assert report["manifest_location"] == f"s3://{BUCKET}/{keys.manifest_key(job)}"


def test_jobs_that_no_file_started_are_none_of_its_business() -> None:
    inbox = Inbox()
    assert inbox.deliver("01JD8W6M3Q2Z7X5V9K4T1B9999") is Outcome.NOT_OURS


def test_a_repeated_delivery_writes_nothing() -> None:
    inbox = Inbox()
    job = started(inbox)
    inbox.finish(job)
    inbox.deliver(job)
    before = inbox.s3.objects.copy()
    inbox.s3.made.clear()
    assert inbox.deliver(job) is Outcome.STALE
    assert inbox.s3.objects == before
    assert inbox.s3.made == ["get_object", "head_object"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0, 1, 0), (1, 0, 1)])
def test_the_later_arrival_stays_in_whatever_order_the_jobs_end(order: tuple[int, ...]) -> None:
    inbox = Inbox()
    jobs = [started(inbox), started(inbox)]
    inbox.finish(jobs[0], (b"old\n",), rejects={0: b'0,"old",1,2,3\n'})
    inbox.finish(jobs[1], (b"new\n",))
    for each in order:
        inbox.deliver(jobs[each])
    assert inbox.outbox["a.csv"] == b"prediction\nnew\n"
    assert json.loads(inbox.outbox["a.csv.manifest.json"])["job_id"] == jobs[1]
    assert inbox.outbox["a.csv.rejects.csv"] == b"row,reason,id,a,b\n"


@given(looks=st.lists(st.integers(0, 4), max_size=8), large=st.booleans())
def test_a_delivery_goes_on_when_its_time_runs_out(looks: list[int], *, large: bool) -> None:
    inbox = Inbox(limits=SMALL)
    job = started(inbox)
    bodies = tuple(body * 4 for body in BODIES) if large else BODIES
    inbox.finish(job, bodies, rejects=REJECTS)
    due = DeliveryDue(job_id=job)
    for each in looks:
        outcome = inbox.deliver(due, calls_left=each)
        if outcome is not Outcome.DELIVERY_CONTINUED:
            break
        due = inbox.continued()
    else:
        outcome = inbox.deliver(due)
    assert outcome is Outcome.DELIVERED
    assert inbox.outbox["a.csv"] == b"prediction\n" + b"".join(bodies)
    assert inbox.outbox["a.csv.rejects.csv"] == b"row,reason,id,a,b\n" + b"".join(REJECTS.values())
    assert not inbox.s3.uploads
    parts = sum(each.startswith("upload_part") for each in inbox.s3.made)
    assert parts <= 2 * len(BODIES) + len(REJECTS) + 4 * len(bodies)


@pytest.mark.parametrize(
    "operation",
    [
        "head_object",
        "get_object",
        "list_objects_v2",
        "put_object",
        "create_multipart_upload",
        "upload_part",
        "upload_part_copy",
        "complete_multipart_upload",
    ],
)
def test_a_delivery_that_failed_is_made_again_and_leaves_no_upload(operation: str) -> None:
    inbox = Inbox(limits=SMALL)
    job = started(inbox)
    inbox.finish(job, BODIES, rejects=REJECTS)
    inbox.fail_at[operation] = TransientError("away")
    with pytest.raises(TransientError):
        inbox.deliver(job)
    assert not inbox.s3.uploads
    assert inbox.deliver(job) is Outcome.DELIVERED
    assert inbox.outbox["a.csv"] == WHOLE
    assert not inbox.s3.uploads


def test_an_upload_to_go_on_with_that_was_aborted_is_begun_anew() -> None:
    inbox = Inbox(limits=SMALL)
    job = started(inbox)
    inbox.finish(job, BODIES)
    inbox.deliver(job, calls_left=2)
    due = inbox.continued()
    inbox.s3.uploads.clear()
    assert inbox.deliver(due) is Outcome.DELIVERED
    assert inbox.outbox["a.csv"] == WHOLE


def test_two_messages_that_go_on_with_one_upload_deliver_once() -> None:
    inbox = Inbox(limits=SMALL)
    job = started(inbox)
    inbox.finish(job, BODIES)
    inbox.deliver(job, calls_left=2)
    due = inbox.continued()
    assert inbox.deliver(due) is Outcome.DELIVERED
    assert inbox.deliver(due) is Outcome.STALE
    assert not inbox.s3.uploads


def test_two_deliveries_that_both_ran_out_of_time_leave_no_upload() -> None:
    inbox = Inbox(limits=SMALL)
    job = started(inbox)
    inbox.finish(job, BODIES, rejects=REJECTS)
    due = []
    for looks in (1, 2):
        assert inbox.deliver(job, calls_left=looks) is Outcome.DELIVERY_CONTINUED
        due.append(inbox.continued())
    assert len({each.upload_id for each in due}) == len(inbox.s3.uploads) == 2
    assert [inbox.deliver(each) for each in due] == [Outcome.DELIVERED, Outcome.STALE]
    assert not inbox.s3.uploads


def test_what_stood_there_before_is_replaced() -> None:
    inbox = Inbox(limits=SMALL)
    job = started(inbox)
    inbox.finish(job, BODIES)
    inbox.s3.put(BUCKET, "v1/outbox/a.csv", b"somebody's")
    assert inbox.deliver(job) is Outcome.DELIVERED
    assert inbox.outbox["a.csv"] == WHOLE


def test_a_part_that_is_damaged_or_gone_is_not_delivered() -> None:
    for body in (b"0.9\n" * 5, None):
        inbox = Inbox(limits=SMALL)
        job = started(inbox)
        key = inbox.finish(job, BODIES).parts[1].key or ""
        if body is None:
            del inbox.s3.objects[BUCKET, key]
        else:
            inbox.s3.put(BUCKET, key, body)
        with pytest.raises(ContractError, match="damaged"):
            inbox.deliver(job)
        assert "a.csv" not in inbox.outbox
        assert not inbox.s3.uploads


def test_rejects_that_are_gone_are_named() -> None:
    inbox = Inbox()
    job = started(inbox)
    key = inbox.finish(job, BODIES, rejects=REJECTS).parts[2].rejects_key or ""
    del inbox.s3.objects[BUCKET, key]
    with pytest.raises(ContractError, match=rf"{key} of job {job} is gone"):
        inbox.deliver(job)


@pytest.mark.parametrize(
    ("one", "other", "later"),
    [
        ("0A", "09", True),
        ("09", "0A", False),
        ("0a", "0A", False),
        ("1", "10", False),
        ("2", "1F", True),
        ("", "1", False),
    ],
)
def test_sequencers_are_compared_as_s3_says(one: str, other: str, *, later: bool) -> None:
    assert is_later(one, other) == later


def test_both_kinds_of_messages_are_read() -> None:
    finished = JobFinished(
        event_id="JobFinished:j",
        job_id="j",
        endpoint="e",
        state=JobState.COMPLETED,
        rows_total=1,
        rows_scored=1,
        rows_rejected=0,
        rows_cancelled=0,
        manifest_location="s3://b/k",
        finished_at=1.0,
    )
    due = DeliveryDue(job_id="j", object="result", upload_id="u")
    assert decode_delivery(finished.to_json()) == DeliveryDue(job_id="j")
    assert decode_delivery(json.dumps({"Type": "Notification", "Message": finished.to_json()})).job_id == "j"
    assert decode_delivery(due.to_json()) == due
    for body in ("", "{}", '{"type": "PartReady", "job_id": "j"}'):
        with pytest.raises(MessageError):
            decode_delivery(body)
