"""Every fault at every call of StartJobs and DeliverResults: the inbox's jobs and results stay the same."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from tailrace_consumers.outcomes import Outcome
from tailrace_core.errors import TailraceError
from tailrace_core.jobs.model import JobState
from tailrace_core.messages.arrivals import DeliveryDue
from tailrace_core.objects.joining.plan import JoinLimits
from tests.faults.injection import Crash, Fault, Process, Schedule, fault_kinds_of
from tests.faults.memory_aws.cloud import BUCKET
from tests.unit.consumers.files.inbox_bench import OUTBOX_QUEUE, Inbox

SMALL = JoinLimits(min_part_bytes=5, max_part_bytes=400, max_parts=100, gather_bytes=8)
BODIES = (b"0.1\n0.2\n", b"0.3\n" * 5, b"0.4\n", b"0.5\n", b"0.6\n" * 9, b"7\n")
REJECTS = {0: b'1,"no",4,5,6\n', 2: b'7,"never",7,8,9\n', 4: b'8,"no",1,1,1\n' * 3}
ROLE = "inbox"
RECEIVES = 4
"""Deliveries of a message before it goes to the dead letters, less the one that fails."""

Handle = Callable[[Callable[..., Any]], Outcome]


@dataclass(frozen=True)
class Case:
    """One message to one of the functions."""

    prepare: Callable[[Inbox], Handle]
    continues: bool = False


def _start(name: str, prepare: Callable[[Inbox], None]) -> Case:
    def prepared(inbox: Inbox) -> Handle:
        prepare(inbox)
        event = inbox.drop(name)
        return lambda execute: inbox.start(event, execute)

    return Case(prepared)


def _deliver(state: JobState = JobState.COMPLETED, *, before: bool = False, calls_left: int | None = None) -> Case:
    def prepared(inbox: Inbox) -> Handle:
        jobs = []
        for each in range(2 if before else 1):
            inbox.start(inbox.drop("a.csv", b"a,b\n1,%d\n" % each))
            jobs.append(inbox.jobs[-1])
            inbox.finish(inbox.jobs[-1], BODIES[each:], state=state, rejects=REJECTS, reason="because")
        if before:
            inbox.deliver(jobs[0])
        return lambda execute: inbox.deliver(jobs[-1], execute, calls_left=calls_left)

    return Case(prepared, continues=calls_left is not None)


CASES: dict[str, Case] = {
    "a file": _start("a.csv", lambda _: None),
    "a file with options": _start(
        "nightly/a.csv", lambda inbox: _put(inbox, "v1/inbox/nightly/.options.json", b'{"keep": ["id"]}')
    ),
    "a file with bad options": _start("a.csv", lambda inbox: _put(inbox, "v1/inbox/a.csv.options.json", b'{"x": 1}')),
    "a result": _deliver(),
    "a result in the place of an older one": _deliver(before=True),
    "a result whose function runs out of time": _deliver(calls_left=3),
    "a job that failed": _deliver(JobState.FAILED),
}


def _put(inbox: Inbox, key: str, body: bytes) -> None:
    inbox.s3.put(BUCKET, key, body)


def run_case(case: Case, schedule: Schedule) -> str:
    """Handle the message until it succeeds, once more as a duplicate, and what it sent to itself."""
    inbox = Inbox(limits=SMALL)
    handle = case.prepare(inbox)
    receive(inbox, handle, schedule)
    queue = inbox.cloud.queue(OUTBOX_QUEUE)
    while queue.messages:
        message = queue.messages.pop(min(queue.messages))
        due = DeliveryDue.model_validate_json(message.body)
        receive(inbox, partial(inbox.deliver, due), schedule)
    found = {
        "outbox": inbox.outbox,
        "uploads": [each.key for each in inbox.s3.uploads.values()],
        "jobs": [(each, inbox.job_state(each)) for each in inbox.jobs],
        "executions": inbox.machine.inputs,
        "requests": [key for key in inbox.s3.keys(BUCKET) if key.endswith("request.json")],
        "events": {each["event_id"]: each for each in inbox.events},
    }
    text = repr(found)
    for number, job_id in enumerate(inbox.jobs):
        # Each try of a start makes an id; the first that the ledger takes is the job's.
        text = text.replace(job_id, f"job {number}")
    return text


def receive(inbox: Inbox, handle: Handle, schedule: Schedule) -> None:
    handled = 0
    for _ in range(RECEIVES):
        schedule.begin(ROLE)
        process = Process(inbox.cloud, ROLE, schedule)
        try:
            handle(process.retrying_executor(inbox.execute))
        except (TailraceError, Crash):
            continue
        handled += 1
        if handled > 1:
            return
    assert handled, "the message went to the dead letters"


def faults_of(case: Case) -> list[Fault]:
    schedule = Schedule(role=ROLE)
    run_case(case, schedule)
    return [Fault(at, kind) for at, call in enumerate(schedule.calls) for kind in fault_kinds_of(call)]


@pytest.mark.parametrize("name", CASES)
def test_whatever_happens_at_one_call_the_inbox_ends_the_same(name: str) -> None:
    case = CASES[name]
    clean = run_case(case, Schedule(role=ROLE))
    assert "dry_run" in clean or "a.csv.error.json" in clean
    assert "'uploads': []" in clean
    for fault in faults_of(case):
        schedule = Schedule((fault,), ROLE)
        assert run_case(case, schedule) == clean, f"{fault} at {schedule.calls[fault.at]}"
        assert schedule.fired == [fault]


@pytest.mark.parametrize("name", CASES)
def test_a_second_fault_during_the_recovery_changes_nothing_either(name: str) -> None:
    case = CASES[name]
    clean = run_case(case, Schedule(role=ROLE))
    faults = faults_of(case)
    source = random.Random(name)
    for _ in range(60):
        first = source.choice(faults)
        second = Fault(first.at + 1 + source.randrange(12), source.choice(faults).kind)
        assert run_case(case, Schedule((first, second), ROLE)) == clean, (first, second)


def test_a_delivery_that_dies_leaves_no_half_object_and_the_next_one_aborts_its_upload() -> None:
    inbox = Inbox(limits=SMALL)
    handle = _deliver().prepare(inbox)
    calls = Schedule(role=ROLE)
    clean = Inbox(limits=SMALL)
    _deliver().prepare(clean)(Process(clean.cloud, ROLE, calls).retrying_executor(clean.execute))
    died = calls.calls.index("s3.complete_multipart_upload")
    schedule = Schedule(
        (Fault(died, next(k for k in fault_kinds_of("s3.upload_part") if k.name == "DEATH_BEFORE")),), ROLE
    )
    with pytest.raises(Crash):
        handle(Process(inbox.cloud, ROLE, schedule).retrying_executor(inbox.execute))
    assert "a.csv" not in inbox.outbox
    assert len(inbox.s3.uploads) == 1
    assert handle(inbox.execute) is Outcome.DELIVERED
    assert inbox.outbox["a.csv"] == b"prediction\n" + b"".join(BODIES)
    assert not inbox.s3.uploads
