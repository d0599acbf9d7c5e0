from collections.abc import Callable
from typing import Any

import pytest

from tailrace_consumers.objects.parts import Parts
from tailrace_consumers.outcomes import Outcome
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.csv_text.rejects import Reject
from tailrace_core.errors import NotFoundError, PermanentError, ThrottledError
from tailrace_core.jobs.failures import FailureClass
from tailrace_core.jobs.model import Chunk, ChunkState, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.messages.events import JobFinished, PartReady, RetryDue
from tailrace_core.objects import keys
from tests.fakes.consumer_ports import BUCKET
from tests.unit.consumers.bench import JOB_ID, NOW, SERVER_ERROR, Bench

OURS = {"source_columns": ("id", "x", "dropped"), "sent_columns": (1,), "kept_columns": (0,)}
THROTTLED = "ThrottlingException: Rate exceeded"
EXPIRED = "The request expired before it was processed"
GONE = "Could not find the endpoint; AccessDenied"


def test_each_half_has_half_of_the_rows_sent() -> None:
    bench = Bench()
    bench.add_job(**OURS)
    rejects = (Reject(0, "blank", b""), Reject(1, "blank", b""), Reject(4, "blank", b""))
    chunk = bench.add_chunk(0, [b"2", b"3", b"5"], kept=[b"", b"", b"c", b"d", b"", b"f"], rejects=rejects)

    assert bench.failures.handle(bench.failure(chunk)) is Outcome.SPLIT

    left, right = bench.leaves()
    assert (left.range, left.rejected, right.range, right.rejected) == (RowRange(0, 3), 2, RowRange(3, 3), 1)
    assert (bench.sent(left), bench.sent(right)) == (b"2\n", b"3\n5\n")
    kept = [bench.store.objects[keys.kept_key(JOB_ID, half.range)][0] for half in (left, right)]
    assert kept == [b"\n\nc\n", b"d\n\nf\n"]
    assert [each.row for each in bench.rejects()] == [0, 1, 4]
    assert all(each.invoked and each.attempt == 1 and each.due_at == NOW + 300 for each in (left, right))
    assert bench.job().split_budget == 9_999


def test_a_repeated_header_heads_both_halves() -> None:
    bench = Bench()
    bench.add_job(header=HeaderPolicy.REPEAT, header_record="x,y")
    chunk = bench.add_chunk(0, [b"1,2", b"3,4"])

    bench.failures.handle(bench.failure(chunk))

    assert [bench.sent(half) for half in bench.leaves()] == [b"x,y\n1,2\n", b"x,y\n3,4\n"]


def test_a_single_row_is_rejected_with_the_reason_and_its_original_record() -> None:
    bench = Bench()
    bench.add_job(**OURS)
    chunk = bench.add_chunk(5, [b'"b,ad"'], kept=[b"id", b""], rejects=(Reject(6, "blank", b""),))
    location = (chunk.failure_location or "").split("/", 3)[3]
    bench.store.put(location, b"could not convert\nstring: 'b,ad'\x07")

    assert bench.failures.handle(bench.failure(chunk)) is Outcome.REJECTED

    assert bench.part(chunk.range) == b"id,\n,\n"
    first, second = bench.rejects()
    assert (first.row, first.record, second) == (5, b'id,"b,ad",', Reject(6, "blank", b""))
    assert "(400)" in first.reason
    assert "could not convert string: 'b,ad'" in first.reason
    assert (bench.job().rows_rejected, bench.chunk(chunk.range).state) == (2, ChunkState.REJECTED)
    (event,) = bench.publisher.events
    assert isinstance(event, PartReady)
    assert (event.rejected, event.rejects_location) == (2, f"s3://{BUCKET}/{keys.rejects_key(JOB_ID, chunk.range)}")


def test_without_budget_the_rest_of_the_range_is_rejected_whole() -> None:
    bench = Bench()
    bench.add_job(split_budget=0)
    chunk = bench.add_chunk(0, [b"1", b"2", b"3"])
    bench.ledger.seal(JOB_ID, 3)

    assert bench.failures.handle(bench.failure(chunk)) is Outcome.REJECTED
    assert [each.record for each in bench.rejects()] == [b"1", b"2", b"3"]
    assert all(each.reason.startswith("not isolated: the job's split budget is spent") for each in bench.rejects())
    assert all("ClientError" in each.reason for each in bench.rejects())
    assert (bench.job().rows_rejected, bench.job().rows_not_isolated) == (3, 3)
    assert bench.job().state is JobState.FAILED
    part, finished = bench.publisher.events
    assert isinstance(part, PartReady)
    assert isinstance(finished, JobFinished)
    assert (part.rejected, part.not_isolated, finished.rows_not_isolated) == (3, 3, 3)


def test_rows_rejected_before_sending_are_not_among_those_not_isolated() -> None:
    bench = Bench()
    bench.add_job(split_budget=0)
    chunk = bench.add_chunk(0, [b"1", b"2"], rejects=(Reject(1, "blank", b""),))
    bench.failures.handle(bench.failure(chunk))
    assert (bench.job().rows_rejected, bench.job().rows_not_isolated) == (3, 2)
    assert [each.reason.startswith("not isolated") for each in bench.rejects()] == [True, False, True]


def test_a_rejection_that_was_interrupted_still_says_that_nothing_was_isolated() -> None:
    bench = Bench()
    bench.add_job(split_budget=0)
    chunk = bench.add_chunk(0, [b"1", b"2"])
    bench.failures.handle(bench.failure(chunk))
    settled = bench.ledger.chunk(JOB_ID, chunk.range)
    again = Bench()
    again.add_job(split_budget=0)
    again.add_chunk(0, [b"1", b"2"])
    # Only the part of the first try is there: the process died before it wrote anything else.
    key = keys.part_key(JOB_ID, chunk.range)
    again.store.objects[key] = bench.store.objects[key]
    assert again.failures.handle(again.failure(chunk)) is Outcome.REJECTED
    assert again.ledger.chunk(JOB_ID, chunk.range) == settled
    assert again.rejects() == bench.rejects()


@pytest.mark.parametrize(
    ("reason", "tries"),
    [(SERVER_ERROR, 2), (THROTTLED, 1), (EXPIRED, 1), ("who knows", 2), (None, 2)],
)
def test_what_may_pass_is_tried_again_later(reason: str | None, tries: int) -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1", b"2"])

    assert bench.failures.handle(bench.failure(chunk, reason)) is Outcome.RETRYING

    ((message, delay_s),) = bench.retries.sent
    assert (message.attempt, message.tries, message.range) == (2, tries, chunk.range)
    assert 0 <= delay_s <= 900
    assert bench.chunk(chunk.range).due_at == NOW + delay_s + 300


def failing_for_good(bench: Bench, chunk: Chunk, *, between: Callable[[], object] = lambda: None) -> Outcome:
    """Fail every attempt of a chunk with a server error; call ``between`` after the first."""
    bench.failures.handle(bench.failure(chunk, SERVER_ERROR))
    bench.dispatch.handle(bench.retries.sent[-1][0])
    between()
    return bench.failures.handle(bench.failure(bench.chunk(chunk.range), SERVER_ERROR))


def scored_another(bench: Bench, first_row: int) -> None:
    bench.collect.handle(bench.answer(bench.add_chunk(first_row, [b"1"]), b"1"))


@pytest.mark.parametrize("rows", [[b"1"], [b"1", b"2", b"3", b"4"]])
def test_a_chunk_that_fails_for_good_while_others_succeed_is_isolated(rows: list[bytes]) -> None:
    bench = Bench()
    bench.add_job(max_attempts=2)
    chunk = bench.add_chunk(0, rows)

    outcome = failing_for_good(bench, chunk, between=lambda: scored_another(bench, 10))

    assert outcome is (Outcome.REJECTED if len(rows) == 1 else Outcome.SPLIT)
    assert len(rows) == 1 or [each.range.rows for each in bench.leaves()] == [2, 2, 1]


def test_what_succeeded_before_it_began_to_fail_is_no_sign_one_row_is_tried_alone_and_the_rest_is_held() -> None:
    bench = Bench()
    bench.add_job(max_attempts=2)
    scored_another(bench, 10)
    chunk = bench.add_chunk(0, [b"1", b"2", b"3"])

    assert failing_for_good(bench, chunk) is Outcome.SPLIT
    one, rest = bench.leaves()[:2]
    assert (one.range.rows, rest.range.rows) == (1, 2)
    assert (one.invoked, rest.invoked, rest.retry and rest.retry.held) == (True, False, True)
    assert failing_for_good(bench, one) is Outcome.RETRYING
    assert bench.job().rows_rejected == 0


def test_once_redriven_a_chunk_looks_for_signs_anew() -> None:
    bench = Bench()
    bench.add_job(max_attempts=2)
    chunk = bench.add_chunk(0, [b"1"])
    assert failing_for_good(bench, chunk) is Outcome.PARKED
    assert bench.chunk(chunk.range).scored_before == 0

    scored_another(bench, 10)
    again = RetryDue(job_id=JOB_ID, first_row=0, rows=1, attempt=3, tries=1, redrives=1, reason="redriven")
    bench.dispatch.handle(again)
    assert bench.chunk(chunk.range).scored_before is None
    assert failing_for_good(bench, bench.chunk(chunk.range)) is Outcome.RETRYING
    assert bench.job().rows_rejected == 0


def test_without_budget_and_without_a_sign_a_person_decides() -> None:
    bench = Bench()
    bench.add_job(max_attempts=2, split_budget=0)

    assert failing_for_good(bench, bench.add_chunk(0, [b"1", b"2"])) is Outcome.PARKED
    assert bench.job().rows_rejected == 0


def test_without_budget_and_with_a_control_that_fails_a_person_decides() -> None:
    bench = Bench()
    bench.add_job(max_attempts=2, split_budget=0)
    scored_another(bench, 10)

    assert failing_for_good(bench, bench.add_chunk(0, [b"1", b"2"])) is Outcome.RETRYING
    bench.failures.handle(bench.failure(bench.invoker.invoked[-1], SERVER_ERROR))
    assert bench.dispatch.handle(bench.retries.sent[-1][0]) is Outcome.PARKED
    assert bench.job().rows_rejected == 0


@pytest.mark.parametrize(
    ("reason", "scored", "outcome"),
    [
        (SERVER_ERROR, True, Outcome.SPLIT),
        (SERVER_ERROR, False, Outcome.SPLIT),
        ("who knows", True, Outcome.PARKED),
        (THROTTLED, True, Outcome.RETRYING),
        (EXPIRED, False, Outcome.RETRYING),
    ],
)
def test_when_no_try_is_left(reason: str, scored: bool, outcome: Outcome) -> None:  # noqa: FBT001 a parameter of the test
    bench = Bench()
    bench.add_job(max_attempts=1)
    if scored:
        other = bench.add_chunk(10, [b"1"])
        bench.collect.handle(bench.answer(other, b"1"))
    chunk = bench.add_chunk(0, [b"1", b"2"])

    assert bench.failures.handle(bench.failure(chunk, reason)) is outcome


def test_what_needs_a_person_is_parked_with_everything_needed_to_decide() -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1", b"2"])
    said = bench.failure(chunk, GONE)

    assert bench.failures.handle(said) is Outcome.PARKED
    assert bench.failures.handle(said) is Outcome.STALE

    (event,) = bench.parked.events
    assert (event.failure_class, event.reason, event.attempt) == (FailureClass.INFRASTRUCTURE, GONE, 1)
    assert event.input_location == f"s3://{BUCKET}/{keys.input_key(JOB_ID, chunk.range)}"
    assert event.failure_location == chunk.failure_location
    found = bench.chunk(chunk.range)
    assert (found.parked, found.state, found.due_at) == (True, ChunkState.OPEN, None)


@pytest.mark.parametrize("rows", [[b"1"], [b"1", b"2"]])
@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("Access Denied (Service: Amazon S3; Status Code: 403; Error Code: AccessDenied; …)", Outcome.PARKED),
        ("The specified key does not exist. (Service: Amazon S3; Status Code: 404; …)", Outcome.PARKED),
        ("x (Service: AWSKMS; Status Code: 400; Error Code: AccessDeniedException; …)", Outcome.PARKED),
        ("Rate exceeded (Service: AWSLogs; Status Code: 400; Error Code: ThrottlingException; …)", Outcome.RETRYING),
        ("The container did not specify the required Content-Length header", Outcome.PARKED),
    ],
)
def test_a_refusal_of_aws_rejects_and_splits_nothing(reason: str, outcome: Outcome, rows: list[bytes]) -> None:
    bench = Bench()
    bench.add_job(max_attempts=1)
    scored_another(bench, 10)
    chunk = bench.add_chunk(0, rows)

    assert bench.failures.handle(bench.failure(chunk, reason)) is outcome
    assert (bench.job().rows_rejected, bench.job().splits_spent) == (0, 0)


@pytest.mark.parametrize(
    "reason",
    [
        "ClientError: Received client error (413) from model.",
        "Your invocation timed out while waiting for a response from container c",
    ],
)
def test_what_is_too_large_is_split(reason: str) -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1", b"2"])

    assert bench.failures.handle(bench.failure(chunk, reason)) is Outcome.SPLIT


def test_a_failure_without_a_reason_is_judged_by_its_object() -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1", b"2"])
    bench.store.put((chunk.failure_location or "").split("/", 3)[3], b"Received client error (400) from model")

    assert bench.failures.handle(bench.failure(chunk, None)) is Outcome.SPLIT


def test_the_failure_of_an_earlier_attempt_does_not_count() -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1", b"2"])
    bench.composition.attempts.begin(chunk, tries=2, reason="lost")

    assert bench.failures.handle(bench.failure(chunk)) is Outcome.STALE
    assert bench.chunk(chunk.range).state is ChunkState.OPEN


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({"eventName": "TestNotification"}, Outcome.TEST),
        ({"inferenceId": "somebody-else"}, Outcome.NOT_OURS),
        ({"requestParameters": {"endpointName": "another"}}, Outcome.NOT_OURS),
        ({"invocationStatus": "Completed"}, Outcome.NOT_OURS),
        ({"inferenceId": f"{JOB_ID}.0.9.1"}, Outcome.UNKNOWN_CHUNK),
        ({"responseParameters": {"failureLocation": f"s3://{BUCKET}/v1/failures/forged"}}, Outcome.REFUSED),
        ({"responseParameters": {"failureLocation": "nonsense"}}, Outcome.REFUSED),
    ],
)
def test_what_is_not_ours_is_acknowledged_and_changes_nothing(change: dict[str, Any], outcome: Outcome) -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1", b"2"])
    before = (dict(bench.store.objects), bench.job(), bench.chunk(chunk.range))

    assert bench.failures.handle(bench.failure(chunk, **change)) is outcome
    assert (bench.store.objects, bench.job(), bench.chunk(chunk.range)) == before


def test_a_failure_object_elsewhere_is_not_read() -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.composition.attempts.begin(bench.add_chunk(0, [b"1"]), tries=1, reason="lost")
    assert chunk is not None
    bench.store.put("v1/jobs/secret", b"secret")
    forged: dict[str, Any] = {"responseParameters": {"failureLocation": f"s3://{BUCKET}/v1/jobs/secret"}}

    bench.failures.handle(bench.failure(chunk, **forged))

    assert "secret" not in bench.rejects()[0].reason


def test_a_success_that_was_being_delivered_wins_over_a_split() -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1", b"2"])
    Parts(bench.store).write(chunk, [b"1\n2\n"], rejected=0)

    assert bench.failures.handle(bench.failure(chunk)) is Outcome.SCORED
    assert bench.job().rows_scored == 2


def test_a_rejection_that_died_half_way_is_carried_on_and_a_late_success_keeps_out() -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1"], rejects=(Reject(1, "blank", b""),))
    Parts(bench.store).write(chunk, [b'""\n""\n'], rejected=2)  # and then it died: no rejects object, no settling

    assert bench.collect.handle(bench.answer(chunk, b"1")) is Outcome.STALE
    assert bench.failures.handle(bench.failure(chunk)) is Outcome.REJECTED
    assert [(each.row, each.record) for each in bench.rejects()] == [(0, b"1"), (1, b"")]


def test_a_rejection_that_died_before_it_settled_is_carried_on() -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1"], rejects=(Reject(1, "blank", b""),))
    twin = Bench(store=bench.store)
    twin.add_job()
    twin.add_chunk(0, [b"1"], rejects=(Reject(1, "blank", b""),))
    twin.failures.handle(twin.failure(chunk))  # writes all objects; this bench's ledger hears nothing of it

    assert bench.failures.handle(bench.failure(chunk)) is Outcome.REJECTED
    assert [(each.row, each.record) for each in bench.rejects()] == [(0, b"1"), (1, b"")]


def test_a_split_that_died_before_it_invoked_is_carried_on() -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1", b"2"])
    said = bench.failure(chunk)
    bench.invoker.refusals = [ThrottledError("slow down")]
    with pytest.raises(ThrottledError):
        bench.failures.handle(said)
    assert not any(each.invoked for each in bench.leaves())

    bench.failures.handle(said)
    assert all(each.invoked for each in bench.leaves())
    bench.failures.handle(said)
    assert len(bench.invoker.invoked) == 3


def test_children_that_the_service_refuses_are_parked() -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1", b"2"])
    bench.invoker.refusals = [PermanentError("ValidationError: endpoint not found"), NotFoundError("gone")]

    assert bench.failures.handle(bench.failure(chunk)) is Outcome.SPLIT
    assert [each.parked for each in bench.leaves()] == [True, True]
    assert {event.failure_class for event in bench.parked.events} == {FailureClass.INFRASTRUCTURE}


def test_a_chunk_whose_input_is_gone_is_parked_instead_of_split() -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1", b"2"])
    del bench.store.objects[keys.input_key(JOB_ID, chunk.range)]

    assert bench.failures.handle(bench.failure(chunk)) is Outcome.PARKED
    assert "cannot be split" in bench.parked.events[0].reason


def test_more_rejects_than_allowed_fail_the_job_and_cancel_the_rest() -> None:
    bench = Bench()
    bench.add_job(max_rejects=0)
    bad = bench.add_chunk(0, [b"1"])
    others = [bench.add_chunk(row, [b"1"]) for row in (1, 2)]
    bench.ledger.seal(JOB_ID, 3)

    bench.failures.handle(bench.failure(bad))

    job = bench.job()
    assert (job.state, job.rows_rejected, job.rows_cancelled) == (JobState.FAILED, 1, 2)
    assert job.reason == "1 rows were rejected, 0 are allowed (max_rejects)"
    assert bench.collect.handle(bench.answer(others[0], b"1")) is Outcome.STALE


def test_a_closed_job_retries_nothing() -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1"])
    bench.ledger.close(JOB_ID, JobState.CANCELLED, "asked for")

    assert bench.failures.handle(bench.failure(chunk, SERVER_ERROR)) is Outcome.CLOSED
    assert not bench.retries.sent
    assert bench.chunk(chunk.range).state is ChunkState.CANCELLED


def test_a_very_long_reason_is_shortened() -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1"])
    bench.failures.handle(bench.failure(chunk, "status 400 " + "x" * 100_000))
    assert len(bench.rejects()[0].reason) <= 2_000


def test_a_row_found_bad_is_the_one_that_was() -> None:
    bench = Bench()
    bench.add_job()
    todo: list[Chunk] = [bench.add_chunk(0, [str(row).encode() for row in range(11)])]
    bench.ledger.seal(JOB_ID, 11)
    while todo:
        chunk = todo.pop()
        if b"7\n" in bench.sent(chunk):
            bench.failures.handle(bench.failure(chunk))
            todo += [each for each in bench.leaves() if each.state is ChunkState.OPEN and each not in todo]
        else:
            bench.collect.handle(bench.answer(chunk, bench.sent(chunk)))
    assert [each.row for each in bench.rejects()] == [7]
    assert bench.job().rows_scored == 10
