"""Each job is checked once a batch.

A failed check has that job's messages, and no others, delivered again.
"""

from __future__ import annotations

from functools import partial
from threading import Barrier
from typing import Any

from tailrace_consumers.runtime.batches import Record, process_batch
from tailrace_consumers.runtime.deferred_checks import DeferredCompletion
from tailrace_core.errors import TransientError
from tailrace_core.jobs.model import Job, JobState
from tests.unit.consumers.threads import LIMIT_S, bounded


class RecordingCheck:
    def __init__(self, *, failing: str = "") -> None:
        self.looked: list[str] = []
        self._failing = failing

    def end_if_due(self, job_id: str) -> Job | None:
        self.looked.append(job_id)
        if job_id == self._failing:
            raise TransientError("busy")
        return None if job_id.startswith("done") else job_of(job_id)

    def fill_window(self, job: Job) -> None:
        self.looked.append(f"fill {job.job_id}")
        if f"fill {job.job_id}" == self._failing:
            raise TransientError("busy")


def job_of(job_id: str) -> Job:
    return Job(job_id=job_id, state=JobState.RUNNING, created_at=0.0, deadline_at=1.0)


def failed(deferred: DeferredCompletion, *bodies: str) -> list[str]:
    """Return the failed ids of a batch whose bodies name jobs.

    A body with ``!`` raises after settling.
    """

    def handle(record: Record) -> None:
        deferred.for_message(record.message_id).check(record.body.removesuffix("!"))
        if record.body.endswith("!"):
            raise TransientError("gone")

    event: dict[str, Any] = {"Records": [{"messageId": f"m{at}", "body": body} for at, body in enumerate(bodies)]}
    answer = process_batch(event, handle, partial(deferred.flush, lambda _: None))
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def test_each_job_is_looked_at_once_after_all_messages() -> None:
    completion_check = RecordingCheck()
    assert failed(DeferredCompletion(completion_check), "a", "b", "a", "a") == []
    assert completion_check.looked == ["a", "b", "fill a", "fill b"]


def test_jobs_that_are_due_end_before_the_windows_of_others_are_filled() -> None:
    completion_check = RecordingCheck()
    assert failed(DeferredCompletion(completion_check), "a", "done b", "c", "done d") == []
    assert completion_check.looked == ["a", "done b", "c", "done d", "fill a", "fill c"]


def test_a_job_that_was_looked_at_early_is_filled_once_at_the_end_unless_it_comes_again() -> None:
    check = RecordingCheck(failing="fill a")
    deferred = DeferredCompletion(check)
    for message_id, job_id in (("m0", "a"), ("m1", "done b")):
        deferred.for_message(message_id).check(job_id)
    deferred.end_due(lambda _: None)
    assert check.looked == ["a", "done b"]
    deferred.for_message("m2").check("a")
    assert deferred.flush(lambda _: None) == {"m0", "m2"}
    assert check.looked == ["a", "done b", "a", "fill a"]


def test_the_messages_of_a_job_whose_window_could_not_be_filled_come_again_and_no_others() -> None:
    assert failed(DeferredCompletion(RecordingCheck(failing="fill a")), "a", "b") == ["m0"]


def test_the_messages_of_a_job_that_could_not_be_looked_at_come_again_and_no_others() -> None:
    assert sorted(failed(DeferredCompletion(RecordingCheck(failing="a")), "a", "b", "a", "b")) == ["m0", "m2"]


def test_a_message_that_failed_twice_is_named_once() -> None:
    assert failed(DeferredCompletion(RecordingCheck(failing="a")), "b", "a!") == ["m1"]


def test_by_threads_each_look_is_its_messages_own() -> None:
    together = Barrier(4)
    deferred = DeferredCompletion(RecordingCheck(failing="a"))

    def handle(record: Record) -> None:
        own = deferred.for_message(record.message_id)
        # All begin, then all defer, then all continue.
        together.wait(LIMIT_S)
        own.check(record.body)
        together.wait(LIMIT_S)

    event = {"Records": [{"messageId": f"m{at}", "body": body} for at, body in enumerate("abcaabca")]}
    answers: list[dict[str, Any]] = []
    finish = partial(deferred.flush, lambda _: None)
    bounded(lambda: answers.append(process_batch(event, handle, finish, concurrency=4)))
    assert answers[0]["batchItemFailures"] == [{"itemIdentifier": f"m{at}"} for at in (0, 3, 4, 7)]
