import dataclasses
import itertools
from dataclasses import dataclass

import pytest

from tailrace_consumers.outcomes import Outcome
from tailrace_consumers.ports import StoredObject
from tailrace_consumers.reconcile_jobs.visits import Finding, take_turns
from tailrace_consumers.runtime.metrics import Metric
from tailrace_core.errors import AccessDeniedError, PermanentError, TransientError
from tailrace_core.jobs.model import Chunk, ChunkState, Job, JobSettings, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.due_items import DueItem
from tailrace_core.ledger.rules import Settlement
from tailrace_core.messages.notifications import decode_notification
from tailrace_core.objects import keys
from tests.fakes.consumer_ports import MemoryObjectStore
from tests.unit.consumers.bench import BAD_REQUEST, JOB_ID, NOW, Bench


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    made.add_job(request_ttl_s=600, invocation_timeout_s=60)
    return made


def run(bench: Bench, *, later_s: float = 0.0) -> dict[Finding, int]:
    """Run the reconciler ``later_s`` later; return its findings but those that only wait."""
    bench.now += later_s
    found, errors = bench.reconcile.run(60)
    assert bool(errors) is (Finding.FAILED in found)
    return {name: count for name, count in found.items() if name is not Finding.WAITING}


def key_of(location: str | None) -> str:
    return (location or "").split("/", 3)[3]


def test_nothing_is_done_before_it_is_due(bench: Bench) -> None:
    bench.add_chunk(0, [b"1"])
    assert run(bench, later_s=299) == {}
    assert run(bench, later_s=2) == {}
    assert len(bench.invoker.invoked) == 1


def test_a_lost_success_is_handled_as_if_it_had_been_notified(bench: Bench) -> None:
    chunk = bench.add_chunk(0, [b"1"])
    bench.store.put(key_of(chunk.output_location), b"5\n")

    assert run(bench, later_s=301) == {Finding.LOST_SUCCESS: 1}
    ((body, succeeded),) = bench.notifications.sent
    assert succeeded
    bench.collect.handle(decode_notification(body))

    assert bench.part(chunk.range) == b"5\n"
    assert run(bench, later_s=4_000) == {}


def test_a_lost_failure_is_handled_as_if_it_had_been_notified(bench: Bench) -> None:
    chunk = bench.add_chunk(0, [b"1", b"2"])
    bench.store.put(key_of(chunk.failure_location), BAD_REQUEST.encode())

    assert run(bench, later_s=301) == {Finding.LOST_FAILURE: 1}
    ((body, succeeded),) = bench.notifications.sent
    assert not succeeded
    bench.failures.handle(decode_notification(body))

    assert bench.chunk(chunk.range).state is ChunkState.SPLIT


def test_a_row_with_a_lost_failure_of_an_unknown_status_is_tried_again_before_it_is_rejected_or_parked(
    bench: Bench,
) -> None:
    chunk = bench.add_chunk(0, [b"1"])
    bench.store.put(key_of(chunk.failure_location), b"line 1: cheap is not a price")

    assert run(bench, later_s=301) == {Finding.LOST_FAILURE: 1}
    ((body, _),) = bench.notifications.sent
    assert bench.failures.handle(decode_notification(body)) is Outcome.RETRYING

    found = bench.chunk(chunk.range)
    assert found.state is ChunkState.OPEN
    assert "cheap is not a price" in (found.reason or "")


def test_of_rows_with_a_lost_failure_of_an_unknown_status_one_is_tried_alone_at_once_and_then_the_rest(
    bench: Bench,
) -> None:
    chunk = bench.add_chunk(0, [b"1", b"2", b"3"])
    bench.store.put(key_of(chunk.failure_location), b"line 2: cheap is not a price")
    run(bench, later_s=301)
    ((body, _),) = bench.notifications.sent
    assert bench.failures.handle(decode_notification(body)) is Outcome.SPLIT

    one, rest = bench.leaves()
    assert (one.range.rows, rest.range.rows) == (1, 2)
    held = bench.retries.sent[-1][0]
    assert bench.dispatch.handle(held) is Outcome.POSTPONED

    bench.collect.handle(bench.answer(one, b"1"))
    assert bench.dispatch.handle(held) is Outcome.INVOKED
    rest = bench.chunk(rest.range)
    bench.store.put(key_of(rest.failure_location), b"line 1: cheap is not a price")
    run(bench, later_s=301)
    assert bench.failures.handle(decode_notification(bench.notifications.sent[-1][0])) is Outcome.SPLIT


def test_an_answer_that_cannot_be_collected_is_announced_ever_more_seldom(bench: Bench) -> None:
    chunk = bench.add_chunk(0, [b"1"])
    bench.store.put(key_of(chunk.output_location), b"5\n")
    for _ in range(24 * 12):
        run(bench, later_s=300 - 1e-6)
        if bench.job().state is not JobState.SUBMITTING:
            break
    assert 1 < len(bench.notifications.sent) < 40


def test_an_attempt_that_nobody_confirmed_is_followed_by_the_next(bench: Bench) -> None:
    chunk = bench.add_chunk(0, [b"1"])
    begun = bench.composition.attempts.begin(chunk, tries=2, reason="500")
    assert begun is not None  # and then its invoker died

    assert run(bench, later_s=301) == {Finding.UNCONFIRMED: 1}
    found = bench.chunk(chunk.range)
    assert (found.attempt, found.tries, found.invoked, found.invoked_at) == (3, 2, True, bench.now)


def test_an_attempt_is_given_up_only_after_its_time_to_live_its_timeout_and_slack(bench: Bench) -> None:
    chunk = bench.add_chunk(0, [b"1"])
    while not bench.retries.sent:
        run(bench, later_s=60)
        assert bench.now < NOW + 4_000
    assert bench.now - NOW >= 600 + 60 + 900
    ((message, delay_s),) = bench.retries.sent
    assert (message.attempt, message.tries, delay_s) == (2, 1, 0)
    bench.dispatch.handle(message)
    assert bench.chunk(chunk.range).attempt == 2


def test_a_confirmation_without_a_time_counts_from_the_first_look(bench: Bench) -> None:
    chunk = bench.add_chunk(0, [b"1"])
    without = Chunk(job_id=JOB_ID, range=chunk.range, due_at=NOW + 300)
    bench.ledger._put(dataclasses.replace(chunk, invoked_at=None, due_at=without.due_at))

    run(bench, later_s=301)

    assert bench.chunk(chunk.range).invoked_at == bench.now
    assert not bench.retries.sent


def test_what_the_service_refuses_is_parked(bench: Bench) -> None:
    chunk = bench.add_chunk(0, [b"1"])
    bench.composition.attempts.begin(chunk, tries=1, reason="")
    bench.invoker.refusals = [PermanentError("endpoint not found")]

    assert run(bench, later_s=301) == {Finding.PARKED: 1}
    assert run(bench, later_s=4_000) == {}


def test_one_thing_that_fails_does_not_keep_the_rest_waiting(bench: Bench) -> None:
    for row in (0, 1):
        bench.composition.attempts.begin(bench.add_chunk(row, [b"1"]), tries=1, reason="")
    bench.invoker.refusals = [TransientError("no answer")]

    assert run(bench, later_s=301) == {Finding.FAILED: 1, Finding.UNCONFIRMED: 1}


def test_a_job_past_its_deadline_expires_with_what_is_open(bench: Bench) -> None:
    scored, parked, waiting = (bench.add_chunk(row, [b"1"]) for row in range(3))
    bench.collect.handle(bench.answer(scored, b"1"))
    bench.ledger.park(dataclasses.replace(parked, parked_at=NOW))
    bench.ledger.seal(JOB_ID, 3)

    assert run(bench, later_s=86_400).get(Finding.EXPIRED) == 1

    job = bench.job()
    assert (job.state, job.rows_scored, job.rows_cancelled) == (JobState.EXPIRED, 1, 2)
    assert bench.chunk(waiting.range).state is ChunkState.CANCELLED


def test_a_producer_that_died_leaves_a_job_that_expires(bench: Bench) -> None:
    bench.add_chunk(5, [b"1"])  # the first five rows were never added, and nothing was sealed
    run(bench, later_s=86_400)
    assert (bench.job().state, bench.job().rows_total) == (JobState.EXPIRED, 6)


def test_a_closed_job_is_brought_to_its_end(bench: Bench) -> None:
    bench.add_chunk(0, [b"1"])
    bench.composition.completion.close_job(JOB_ID, JobState.CANCELLED, "asked for", limit=0)
    assert bench.job().state is JobState.CLOSING

    assert run(bench) == {Finding.CLOSING: 1}
    assert bench.job().state is JobState.CANCELLED


def test_a_finisher_that_died_is_replaced(bench: Bench) -> None:
    chunk = bench.add_chunk(0, [b"1"])
    bench.ledger.settle(Settlement(job_id=JOB_ID, range=chunk.range, state=ChunkState.SCORED))
    bench.ledger.seal(JOB_ID, 1)
    bench.ledger.start_finishing(JOB_ID, NOW)

    assert run(bench, later_s=301) == {Finding.FINISHED: 1}
    assert bench.job().state is JobState.COMPLETED
    assert keys.manifest_key(JOB_ID) in bench.store.objects


def test_a_complete_job_that_nobody_looked_at_is_finished(bench: Bench) -> None:
    chunk = bench.add_chunk(0, [b"1"])
    bench.ledger.settle(Settlement(job_id=JOB_ID, range=chunk.range, state=ChunkState.SCORED))
    bench.ledger.seal(JOB_ID, 1)

    assert run(bench, later_s=3_700).get(Finding.FINISHED) == 1
    assert bench.job().state is JobState.COMPLETED


def test_a_run_ends_in_time(bench: Bench) -> None:
    for row in range(3):
        bench.composition.attempts.begin(bench.add_chunk(row, [b"1"]), tries=1, reason="")
    bench.now += 301

    found, _ = bench.reconcile.run(0.0)

    assert not found
    assert len(bench.invoker.invoked) == 3


def test_two_runs_at_once_do_nothing_twice(bench: Bench) -> None:
    chunk = bench.add_chunk(0, [b"1"])
    bench.composition.attempts.begin(chunk, tries=1, reason="")
    bench.now += 301
    due = list(bench.ledger.overdue(bench.now, 10))

    first = [bench.reconcile._reconcile(bench.job(), each) for each in due]
    second = [bench.reconcile._reconcile(bench.job(), each) for each in due]

    assert first.count(Finding.UNCONFIRMED) == 1
    assert second.count(Finding.UNCONFIRMED) == 0
    assert len(bench.invoker.invoked) == 2


OTHER = "01JD0000000000000000000001"


@dataclass
class DeniedBelow(MemoryObjectStore):
    """A bucket in which no object of the job with many chunks can be looked up."""

    denied: bool = True

    def head(self, key: str) -> StoredObject | None:
        if self.denied:
            raise AccessDeniedError(f"{key}: 403")
        return super().head(key)


def backlog(chunks: int) -> tuple[Bench, DeniedBelow]:
    """Return a bench with a job of that many chunks whose check fails, and a second, younger job."""
    store = DeniedBelow()
    bench = Bench(store=store)
    bench.add_job()
    for row in range(chunks):
        bench.add_chunk(row, [b"1"])
    second = Job(job_id=OTHER, state=JobState.SUBMITTING, created_at=NOW + 10, deadline_at=NOW + 1_000, split_budget=0)
    assert bench.ledger.create_job(second, JobSettings(endpoint_name="demand"))
    bench.ledger.seal(OTHER, 1)
    return bench, store


def state_of(bench: Bench, job_id: str) -> JobState:
    job = bench.ledger.job(job_id)
    assert job is not None
    return job.state


def test_chunks_that_fail_each_time_do_not_keep_another_job_from_its_deadline() -> None:
    bench, _ = backlog(600)
    found = run(bench, later_s=1_200)
    assert found == {Finding.FAILED: 600, Finding.EXPIRED: 1}
    assert state_of(bench, OTHER) is JobState.CLOSING
    assert [run(bench, later_s=300).get(Finding.FAILED) for _ in range(4)] == [600, 600, None, 600]


def test_what_fails_is_looked_at_ever_more_seldom_and_at_once_after_it_worked() -> None:
    bench, store = backlog(1)
    looks = [minutes for minutes in range(5, 12 * 60, 5) if Finding.FAILED in run(bench, later_s=300)]
    gaps = [later - earlier for earlier, later in itertools.pairwise(looks)]
    assert gaps[:3] == [5, 5, 10]
    assert set(gaps[3:]) == {20}
    store.denied = False
    assert run(bench, later_s=3_600).get(Finding.FAILED) is None
    assert bench.retries.sent


def test_jobs_take_turns_in_a_run_that_cannot_do_all() -> None:
    many = [DueItem(JOB_ID, RowRange(row, 1), NOW + row) for row in range(5)]
    few = [DueItem(OTHER, RowRange(row, 1), NOW + 100 + row) for row in range(2)]
    assert take_turns([*reversed(few), *many]) == [many[0], few[0], many[1], few[1], *many[2:]]


class TickingBench(Bench):
    """A bench whose reconciler needs a second for each answer of the bucket."""

    def __post_init__(self) -> None:
        super().__post_init__()
        head = self.store.head

        def slow_head(key: str) -> StoredObject | None:
            self.now += 1.0
            return head(key)

        self.store.head = slow_head  # type: ignore[method-assign]  # the time it takes


def test_a_run_without_time_for_all_comes_to_every_chunk_in_the_next_ones() -> None:
    bench = TickingBench()
    bench.add_job()
    for row in range(40):
        bench.add_chunk(row, [b"1"])
    bench.now += 301
    first, _ = bench.reconcile.run(30)
    bench.now += 1
    second, _ = bench.reconcile.run(60)
    assert first[Finding.WAITING] + second[Finding.WAITING] == 40


def test_jobs_that_a_run_does_not_reach_count_as_late_once_their_check_is() -> None:
    bench, _ = backlog(3)
    bench.now += 900 + 899
    bench.reconcile.run(0)
    assert bench.meter.of(Metric.JOBS_PAST_DEADLINE)[-1] == 0
    bench.now += 11
    bench.reconcile.run(0)
    assert bench.meter.of(Metric.JOBS_PAST_DEADLINE)[-1] == 2


def test_an_unexpected_error_ends_the_run_only_after_all_others() -> None:
    bench, store = backlog(3)
    bugs = iter([ZeroDivisionError("a bug")])
    head = store.head

    def broken(key: str) -> StoredObject | None:
        for bug in bugs:
            raise bug
        return head(key)

    store.denied, store.head = False, broken  # type: ignore[method-assign]  # a bug at the first look
    bench.now += 1_200
    with pytest.raises(ZeroDivisionError, match="a bug"):
        bench.reconcile.run(60)
    assert state_of(bench, OTHER) is JobState.CLOSING
    assert sorted((chunk.due_at or 0) - bench.now for chunk in bench.leaves()) == [0, 600, 600]


@pytest.mark.parametrize("concurrency", [1, 8])
def test_several_at_once_do_the_same(concurrency: int) -> None:
    bench = Bench()
    bench.add_job(request_ttl_s=600, invocation_timeout_s=60)
    for row in range(30):
        chunk = bench.add_chunk(row, [b"1"])
        if row % 3 == 0:
            bench.composition.attempts.begin(chunk, tries=1, reason="")
        elif row % 3 == 1:
            bench.store.put(key_of(chunk.output_location), b"5\n")
    bench.now += 301
    service = dataclasses.replace(bench.reconcile, concurrency=concurrency)
    found, errors = service.run(60)
    assert not errors
    assert found == {Finding.UNCONFIRMED: 10, Finding.LOST_SUCCESS: 10, Finding.WAITING: 10}
    assert len(bench.invoker.invoked) == 40
