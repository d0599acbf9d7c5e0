import pytest

from tailrace_consumers.outcomes import Outcome
from tailrace_core.errors import PermanentError, ThrottledError, TransientError
from tailrace_core.jobs.failures import FailureClass
from tailrace_core.jobs.model import Chunk, JobState
from tailrace_core.messages.events import RetryDue
from tests.unit.consumers.bench import JOB_ID, NOW, Bench


def due(chunk: Chunk, attempt: int = 2, tries: int = 2) -> RetryDue:
    return RetryDue(
        job_id=chunk.job_id,
        first_row=chunk.range.first_row,
        rows=chunk.range.rows,
        attempt=attempt,
        tries=tries,
        reason="server error",
    )


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    made.add_job()
    return made


def test_the_next_attempt_is_made_once(bench: Bench) -> None:
    chunk = bench.add_chunk(0, [b"1"])

    assert bench.dispatch.handle(due(chunk)) is Outcome.INVOKED
    assert bench.dispatch.handle(due(chunk)) is Outcome.STALE

    found = bench.chunk(chunk.range)
    assert (found.attempt, found.tries, found.invoked, found.due_at) == (2, 2, True, NOW + 300)
    assert found.output_location not in {None, chunk.output_location}
    assert [each.attempt for each in bench.invoker.invoked] == [1, 2]


def test_an_attempt_that_was_only_intended_is_made(bench: Bench) -> None:
    chunk = bench.add_chunk(0, [b"1"])
    bench.invoker.refusals = [TransientError("no answer")]
    with pytest.raises(TransientError):
        bench.dispatch.handle(due(chunk))

    assert bench.dispatch.handle(due(chunk)) is Outcome.INVOKED
    assert bench.chunk(chunk.range).attempt == 2


def test_a_throttled_retry_waits_again_and_is_not_counted(bench: Bench) -> None:
    chunk = bench.add_chunk(0, [b"1"])
    bench.invoker.refusals = [ThrottledError("slow down", retry_after_s=77)]

    assert bench.dispatch.handle(due(chunk)) is Outcome.POSTPONED

    ((message, delay_s),) = bench.retries.sent
    assert message == due(chunk)
    assert delay_s >= 77
    found = bench.chunk(chunk.range)
    assert (found.attempt, found.tries, found.invoked, found.due_at) == (2, 2, False, NOW + delay_s + 300)
    assert bench.dispatch.handle(message) is Outcome.INVOKED


def test_an_endpoint_that_is_gone_parks_the_chunk(bench: Bench) -> None:
    chunk = bench.add_chunk(0, [b"1"])
    bench.invoker.refusals = [PermanentError("ValidationError: endpoint demand not found")]

    assert bench.dispatch.handle(due(chunk)) is Outcome.PARKED
    assert bench.parked.events[0].failure_class is FailureClass.INFRASTRUCTURE
    assert bench.chunk(chunk.range).parked
    assert bench.dispatch.handle(due(chunk)) is Outcome.STALE


@pytest.mark.parametrize("attempt", [1, 3, 9])
def test_any_other_attempt_is_not_made(bench: Bench, attempt: int) -> None:
    chunk = bench.add_chunk(0, [b"1"])

    assert bench.dispatch.handle(due(chunk, attempt)) is Outcome.STALE
    assert len(bench.invoker.invoked) == 1


def test_a_settled_chunk_is_not_invoked(bench: Bench) -> None:
    chunk = bench.add_chunk(0, [b"1"])
    bench.collect.handle(bench.answer(chunk, b"1"))

    assert bench.dispatch.handle(due(chunk)) is Outcome.STALE


def test_a_closed_job_is_not_invoked(bench: Bench) -> None:
    chunk = bench.add_chunk(0, [b"1"])
    bench.ledger.close(JOB_ID, JobState.CANCELLED, "asked for")

    assert bench.dispatch.handle(due(chunk)) is Outcome.CLOSED
    assert len(bench.invoker.invoked) == 1


def test_nothing_is_invoked_past_the_deadline(bench: Bench) -> None:
    chunk = bench.add_chunk(0, [b"1"])
    bench.now = bench.job().deadline_at

    assert bench.dispatch.handle(due(chunk)) is Outcome.CLOSED


def test_strangers_are_acknowledged(bench: Bench) -> None:
    message = RetryDue(job_id=JOB_ID, first_row=5, rows=1, attempt=2, tries=2, reason="")
    assert bench.dispatch.handle(message) is Outcome.UNKNOWN_CHUNK
