from dataclasses import dataclass

import pytest

from tailrace_consumers.outcomes import Outcome
from tailrace_consumers.reconcile_jobs.visits import Finding
from tailrace_consumers.runtime.metrics import FAILURE_METRICS, Metric, record_latency
from tailrace_core.csv_text.rejects import Reject
from tailrace_core.errors import TransientError
from tailrace_core.jobs.failures import FailureClass
from tailrace_core.jobs.model import ChunkState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.memory import MemoryLedger
from tailrace_core.ledger.rules import Settlement
from tailrace_core.messages.events import JobFinished, PartReady
from tests.fakes.consumer_ports import MemoryMeter, MemoryPublisher
from tests.unit.consumers.bench import BAD_REQUEST, JOB_ID, NOW, SERVER_ERROR, Bench


def test_rows_are_counted_once_however_often_their_chunk_is_announced() -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1", b"2"], rejects=(Reject(2, "blank", b""),))
    said = bench.answer(chunk, b"1\n2\n")

    for _ in range(3):
        bench.collect.handle(said)

    assert (bench.meter.of(Metric.ROWS_SCORED), bench.meter.of(Metric.ROWS_REJECTED)) == ([2], [1])


class Overtaken(MemoryPublisher):
    """Another consumer settles the chunk between its publishing and its settling."""

    def publish(self, event: PartReady | JobFinished) -> None:
        if isinstance(event, PartReady):
            rows = RowRange(event.first_row, event.rows)
            self.ledger.settle(Settlement(job_id=JOB_ID, range=rows, state=ChunkState.SCORED))

    def __init__(self, ledger: MemoryLedger) -> None:
        super().__init__()
        self.ledger = ledger


def test_rows_of_a_chunk_that_somebody_else_settled_are_not_counted() -> None:
    ledger = MemoryLedger()
    bench = Bench(ledger=ledger, publisher=Overtaken(ledger))
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1"])

    assert bench.collect.handle(bench.answer(chunk, b"1\n")) is Outcome.STALE
    assert bench.meter.recorded == []


def test_the_time_from_the_answer_to_the_settled_chunk_is_measured() -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1"])
    bench.now = NOW + 2.5  # NOW is 22:13:20

    bench.collect.handle(bench.answer(chunk, b"1\n", eventTime="2023-11-14T22:13:20.25Z"))

    assert bench.meter.of(Metric.SETTLE_LATENCY) == [2_250]


@pytest.mark.parametrize("said", [None, "", "yesterday", "2023-11-14T22:13:21Z", "9999-12-31T23:59:59-23:59"])
def test_a_date_that_cannot_be_is_not_measured(said: str | None) -> None:
    meter = MemoryMeter()
    record_latency(meter, answered_at=said, now=NOW)
    assert meter.recorded == []


def test_every_class_of_failure_has_a_name_of_its_own() -> None:
    assert set(FAILURE_METRICS) == set(FailureClass)
    assert len(set(FAILURE_METRICS.values())) == len(FailureClass)


def test_a_failed_attempt_is_counted_by_what_it_was_taken_for() -> None:
    bench = Bench()
    bench.add_job()
    bench.failures.handle(bench.failure(bench.add_chunk(0, [b"1"]), BAD_REQUEST))
    bench.failures.handle(bench.failure(bench.add_chunk(1, [b"2"]), SERVER_ERROR))
    bench.collect.handle(bench.answer(bench.add_chunk(2, [b"3", b"4"]), b"one line\n"))

    assert bench.meter.of(Metric.FAILED_DATA) == [1, 1]
    assert bench.meter.of(Metric.FAILED_TRANSIENT) == [1]


def test_no_name_of_a_metric_means_two_things() -> None:
    # A chunk that the reconciler parks counts as any other.
    names = [*Metric, *Outcome, *(set(Finding) - {Finding.PARKED})]
    assert len({str(name) for name in names}) == len(names)


@dataclass
class Unreliable(MemoryPublisher):
    broken: bool = True

    def publish(self, event: PartReady | JobFinished) -> None:
        if self.broken:
            raise TransientError("the topic does not answer")
        super().publish(event)


def late(bench: Bench) -> float:
    bench.reconcile.run(60)
    return bench.meter.of(Metric.JOBS_PAST_DEADLINE)[-1]


def test_a_run_says_that_it_ran_even_when_there_is_nothing_to_find() -> None:
    assert late(Bench()) == 0


def test_a_job_that_cannot_be_ended_is_late_some_time_after_its_deadline_until_it_can() -> None:
    publisher = Unreliable()
    bench = Bench(publisher=publisher)
    bench.add_job()
    bench.add_chunk(0, [b"1"])
    found = []
    for later_s in (86_400 + 700, 300, 300, 300):  # the deadline, and as the schedule ticks
        bench.now += later_s
        found.append(late(bench))
    publisher.broken = False
    for _ in range(2):
        bench.now += 300
        found.append(late(bench))

    assert found == [0, 1, 1, 1, 1, 0]
