from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tailrace.aws.queues import Queue
from tailrace.aws.stacks import Stack
from tailrace.operations.dead_letters import PROVENANCE, DeadLetters
from tailrace_core.aws.calls import Call
from tailrace_core.errors import InputError, TransientError
from tailrace_core.jobs.reasons import cause_id
from tailrace_core.messages.events import RetryDue
from tests.faults.memory_aws.cloud import Clock
from tests.faults.memory_aws.sqs import Queue as MemoryQueue
from tests.faults.memory_aws.sqs import Sqs

RETRY = RetryDue(job_id="01JD0WAWQSRPH4P5HK2ZTF1J2N", first_row=0, rows=2, attempt=2, tries=2, reason="500").to_json()


class Bench:
    """Two queues with dead letters, and one of ticks; ``dies_at`` says at which call the person dies."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.sqs = Sqs(self.clock)
        for name in ("failed", "failed-dead", "retries", "retries-dead", "ticks-dead", "scoring", "scoring-dead"):
            self.sqs.queues[name] = MemoryQueue(name)
        self.calls: list[Call] = []
        self.dies: Callable[[Call], bool] = lambda _: False
        outputs = {
            "Bucket": "b",
            "FailedQueue": "failed",
            "FailedDeadLetterQueue": "failed-dead",
            "RetriesQueue": "retries",
            "RetriesDeadLetterQueue": "retries-dead",
            "ReconcileJobsDeadLetterQueue": "ticks-dead",
            "ScoringQueueUrl": "scoring",
            "ScoringDeadLetterQueue": "scoring-dead",
        }
        runs = iter(f"run{number}" for number in range(100))
        self.letters = DeadLetters(
            Stack("s", outputs),
            lambda url: Queue(url, self._execute),
            now=self.clock,
            new_id=lambda: next(runs),
        )

    def _execute(self, call: Call) -> Any:
        if call.operation == "receive_message":
            self.clock.advance(1)
        self.calls.append(call)
        if self.dies(call):
            raise TransientError("dead")
        return getattr(self.sqs, call.operation)(**call.params)

    def bodies(self, queue: str) -> list[str]:
        return [each.body for each in self.sqs.queues[queue].messages.values()]

    def sent(self, queue: str) -> list[dict[str, Any]]:
        return [each.attributes for each in self.sqs.queues[queue].messages.values()]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_letters_go_where_they_were_meant_for_with_their_attributes(bench: Bench) -> None:
    tag = {"type": {"DataType": "String", "StringValue": "x"}}
    bench.sqs.send_message(QueueUrl="retries-dead", MessageBody=RETRY, MessageAttributes=tag)
    bench.sqs.send_message(QueueUrl="failed-dead", MessageBody="other")
    done = list(bench.letters.redrive("retries"))
    assert [(each.times, each.marked, each.letter.fault) for each in done] == [(1, True, None)]
    assert bench.bodies("retries") == [RETRY]
    assert bench.bodies("retries-dead") == []
    assert bench.bodies("failed-dead") == ["other"]
    (attributes,) = bench.sent("retries")
    assert attributes["type"] == tag["type"]
    said = json.loads(attributes[PROVENANCE]["StringValue"])
    assert (said["times"], said["run"], said["from"]) == (1, "run0", "retries-dead")


def test_a_letter_is_sent_before_it_is_deleted(bench: Bench) -> None:
    bench.sqs.send_message(QueueUrl="retries-dead", MessageBody=RETRY)
    list(bench.letters.redrive("retries"))
    done = [each.operation for each in bench.calls if each.operation in {"send_message", "delete_message"}]
    assert done == ["send_message", "delete_message"]


@pytest.mark.parametrize("operation", ["receive_message", "send_message", "delete_message"])
def test_whoever_dies_loses_no_letter(bench: Bench, operation: str) -> None:
    for number in range(3):
        bench.sqs.send_message(QueueUrl="retries-dead", MessageBody=str(number))
    bench.dies = lambda call: call.operation == operation
    with pytest.raises(TransientError):
        list(bench.letters.redrive("retries"))
    bench.dies = lambda _: False
    bench.clock.advance(500)
    list(bench.letters.redrive("retries"))
    assert set(bench.bodies("retries")) == {"0", "1", "2"}
    assert bench.bodies("retries-dead") == []


def test_how_often_a_letter_was_sent_again_is_counted_and_its_origin_kept(bench: Bench) -> None:
    bench.sqs.send_message(QueueUrl="retries-dead", MessageBody=RETRY)
    origin = next(iter(bench.sqs.queues["retries-dead"].messages))
    for times in (1, 2, 3):
        (done,) = bench.letters.redrive("retries")
        assert done.times == times
        message = bench.sqs.queues["retries"].messages.popitem()[1]
        message.visible_at = 0
        bench.sqs.queues["retries-dead"].messages[message.message_id] = message
    assert json.loads(message.attributes[PROVENANCE]["StringValue"])["message_id"] == str(origin)


def test_a_run_stops_at_letters_that_it_sent_itself(bench: Bench) -> None:
    bench.sqs.queues["retries-dead"].messages.clear()
    for number in range(2):
        bench.sqs.send_message(QueueUrl="retries-dead", MessageBody=str(number))
    run = bench.letters.redrive("retries", max_messages=100)
    next(run)
    next(run)
    for message in list(bench.sqs.queues["retries"].messages.values()):
        # The consumer fails on both at once.
        bench.sqs.queues["retries-dead"].messages[message.message_id] = message
    assert list(run) == []
    assert len(bench.bodies("retries-dead")) == 2


def test_no_more_than_asked_for_are_sent_and_the_rest_is_free_at_once(bench: Bench) -> None:
    for number in range(15):
        bench.sqs.send_message(QueueUrl="retries-dead", MessageBody=str(number))
    assert len(list(bench.letters.redrive("retries", max_messages=12))) == 12
    assert len(bench.bodies("retries-dead")) == 3
    assert all(each.visible_at <= bench.clock() for each in bench.sqs.queues["retries-dead"].messages.values())


def failure(reason: str) -> str:
    return json.dumps({"eventName": "InferenceResult", "invocationStatus": "Failed", "failureReason": reason})


def test_of_one_cause_all_are_sent_and_the_others_are_free_at_once(bench: Bench) -> None:
    for number in range(25):
        body = failure(f"no row {number}" if number % 5 == 0 else f"worker {number} died")
        bench.sqs.send_message(QueueUrl="failed-dead", MessageBody=body)
    cause = next(each.letter for each in bench.letters.redrive("failed", max_messages=1, cause="no row")).cause
    assert cause == "Failed: no row …"
    done = list(bench.letters.redrive("failed", cause=cause_id(cause)))
    assert len(done) == 4
    assert sorted(bench.bodies("failed")) == sorted(failure(f"no row {number}") for number in range(0, 25, 5))
    assert len(bench.bodies("failed-dead")) == 20
    assert all(each.visible_at <= bench.clock() for each in bench.sqs.queues["failed-dead"].messages.values())


def test_no_more_of_one_cause_are_sent_than_asked_for(bench: Bench) -> None:
    for number in range(30):
        bench.sqs.send_message(QueueUrl="failed-dead", MessageBody=failure("a" if number < 20 else "b"))
    assert len(list(bench.letters.redrive("failed", max_messages=3, cause="Failed: b"))) == 3
    assert len(bench.bodies("failed-dead")) == 27


def test_a_run_of_a_cause_that_no_letter_has_ends(bench: Bench) -> None:
    bench.sqs.send_message(QueueUrl="failed-dead", MessageBody=failure("a"))
    assert list(bench.letters.redrive("failed", cause="b", max_messages=5)) == []
    assert len(bench.bodies("failed-dead")) == 1


def test_a_letter_without_room_for_its_provenance_is_sent_all_the_same(bench: Bench) -> None:
    full = {f"a{number}": {"DataType": "String", "StringValue": "x"} for number in range(10)}
    bench.sqs.send_message(QueueUrl="retries-dead", MessageBody=RETRY, MessageAttributes=full)
    (done,) = bench.letters.redrive("retries")
    assert not done.marked
    assert bench.sent("retries") == [full]


def test_ticks_of_a_schedule_are_not_sent_again(bench: Bench) -> None:
    with pytest.raises(InputError, match="schedule"):
        list(bench.letters.redrive("reconcile-jobs"))


@pytest.mark.parametrize(
    ("golden", "about"),
    [
        ("ScoreDue", "ScoreDue 01HZX3T8Q5W6E7R8T9Y0ABCDEF.100.2.1"),
        ("RoundDue", "RoundDue 01HZX3T8Q5W6E7R8T9Y0ABCDEF"),
    ],
)
def test_requests_to_the_functions_of_other_engines_are_told_apart_and_sent_again(
    bench: Bench, golden: str, about: str
) -> None:
    body = (Path(__file__).parents[3] / "contract" / "core" / "golden" / f"{golden}.json").read_text(encoding="utf-8")
    bench.sqs.send_message(QueueUrl="scoring-dead", MessageBody=body)
    (done,) = bench.letters.redrive("scoring")
    assert (done.letter.about, done.letter.fault) == (about, None)
    assert bench.bodies("scoring") == [body]


_CREATED = {"source": "aws.s3", "detail-type": "Object Created", "time": "2026-01-01T00:00:00Z"}
_OBJECT = {"bucket": {"name": "b"}, "object": {"key": "v1/inbox/a.csv", "etag": "e"}}


@pytest.mark.parametrize(
    ("body", "about"),
    [
        ({**_CREATED, "detail": _OBJECT}, "Object Created s3://b/v1/inbox/a.csv"),
        ({"schema_version": 1, "type": "DeliveryDue", "job_id": "01J"}, "DeliveryDue 01J"),
        ({"source": "aws.states", "detail": {"status": "ABORTED", "name": "01J-2"}}, "ABORTED 01J-2"),
    ],
)
def test_letters_of_remote_jobs_and_of_the_inbox_are_told_apart(
    bench: Bench, body: Mapping[str, object], about: str
) -> None:
    bench.sqs.send_message(QueueUrl="scoring-dead", MessageBody=json.dumps(body))
    (done,) = bench.letters.redrive("scoring")
    assert (done.letter.about, done.letter.fault) == (about, None)


def test_an_end_without_an_execution_cannot_be_read(bench: Bench) -> None:
    bench.sqs.send_message(QueueUrl="scoring-dead", MessageBody='{"source": "aws.states"}')
    (letter,) = bench.letters.peek("scoring")
    assert letter.fault


def test_an_unknown_queue_is_named_with_those_there_are(bench: Bench) -> None:
    with pytest.raises(InputError, match="failed, reconcile-jobs, retries"):
        bench.letters.find("results")


def test_peeking_says_what_letters_are_about_and_leaves_them(bench: Bench) -> None:
    for body in (RETRY, "not json", '{"type": "RetryDue"}'):
        bench.sqs.send_message(QueueUrl="retries-dead", MessageBody=body)
    first, second, third = bench.letters.peek("retries")
    assert first.about == "RetryDue 01JD0WAWQSRPH4P5HK2ZTF1J2N.000000000000-2.2"
    assert first.fault is None
    assert "not JSON" in (second.fault or "")
    assert "not a RetryDue" in (third.fault or "")
    assert all(each.visible_at <= bench.clock() for each in bench.sqs.queues["retries-dead"].messages.values())
    assert {queue.name: letters for queue, letters in bench.letters.queues()}["retries"] == 3
