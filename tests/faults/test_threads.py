"""Batches handled by real threads: jobs end correctly for any order of the threads.

These runs cannot be replayed. All other simulations handle one message at a time, so that they can.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tailrace_consumers.runtime.batches import CONCURRENCY
from tailrace_core.submission.options import SubmitOptions
from tests.faults.checker import check
from tests.faults.dataset import Dataset
from tests.faults.injection import Fault, FaultKind, Schedule, fault_kinds_of
from tests.faults.simulation import Simulation
from tests.unit.consumers.threads import bounded, switching_often

ROLE = "collect_results"
OPTIONS = SubmitOptions(keep="id", chunk_rows=2, job_key="k")
VALUES = [b"%d" % number for number in range(30)] + [b"poison", b"swallow", b"flaky", b"2,2", b"shy", b"shy"]


@pytest.fixture(autouse=True)
def _switching() -> Iterator[None]:
    with switching_often():
        yield


def start_job(
    data: Dataset, *, schedule: Schedule | None = None, options: SubmitOptions = OPTIONS
) -> tuple[Simulation, str]:
    sim = Simulation(schedule or Schedule())
    sim.functions.concurrency = CONCURRENCY
    job_id = sim.submit(data.text, options)
    assert job_id is not None
    return sim, job_id


def drain_and_check(sim: Simulation, job_id: str, data: Dataset) -> None:
    bounded(sim.drain)
    check(sim, job_id, data)
    assert not sim.functions.unexpected_errors


@pytest.mark.parametrize("seed", range(12))
def test_whatever_a_batch_holds_the_job_ends_the_same(seed: int) -> None:
    randomness = random.Random(seed)
    data = Dataset.of(*randomness.sample(VALUES, 24))
    window = randomness.choice((0, 5))
    sim, job_id = start_job(data, options=SubmitOptions(keep="id", chunk_rows=2, job_key="k", window=window))
    # Up to four notifications: one batch holds the same chunk several times.
    sim.notification_counts = randomness.choices((1, 1, 2, 4), k=12)
    # Some outputs are large, some small.
    sim.functions.concurrent_max_bytes = randomness.choice((10, 18, 19, 20, 10**6))
    drain_and_check(sim, job_id, data)


def test_a_batch_of_one_chunk_again_and_again_has_one_effect() -> None:
    data = Dataset.of(b"1", b"2")
    sim, job_id = start_job(data)
    sim.endpoint.process(notifications=10)
    bounded(lambda: sim.functions.deliver(ROLE))
    outcomes = [outcome for role, outcome in sim.functions.outcomes if role == ROLE]
    assert outcomes.count("ChunksScored") == 1
    assert len(outcomes) == len([each for each in outcomes if each in {"ChunksScored", "Stale", "JobClosed"}]) == 10
    drain_and_check(sim, job_id, data)


class OpenTo(Schedule):
    """A schedule that numbers only calls at which its fault may happen, in random order."""

    def next(self, role: str, call: str) -> FaultKind | None:
        if all(fault.kind not in fault_kinds_of(call) for fault in self.faults):
            return None
        return super().next(role, call)


@pytest.mark.parametrize(
    "kind", [FaultKind.DEATH_BEFORE, FaultKind.DEATH_AFTER, FaultKind.UNREACHABLE, FaultKind.REPLY_GONE]
)
def test_a_function_that_dies_or_fails_at_any_call_of_a_batch_loses_nothing(kind: FaultKind) -> None:
    data = Dataset.of(*[b"%d" % number for number in range(8)], b"swallow", b"9")
    fired = 0
    for at in range(0, 60, 3):
        schedule = OpenTo((Fault(at, kind),), ROLE)
        sim, job_id = start_job(data, schedule=schedule)
        while sim.endpoint.backlog:
            sim.endpoint.process()
        bounded(lambda sim=sim: sim.functions.deliver(ROLE))  # type: ignore[misc]
        drain_and_check(sim, job_id, data)
        died = schedule.fired and kind in {FaultKind.DEATH_BEFORE, FaultKind.DEATH_AFTER}
        assert sim.functions.deaths == (1 if died else 0)
        fired += len(schedule.fired)
    assert fired >= 5


def test_nothing_of_a_batch_is_acknowledged_by_who_dies() -> None:
    data = Dataset.of(*[b"%d" % number for number in range(8)])
    schedule = Schedule((Fault(25, FaultKind.DEATH_BEFORE),), ROLE)
    sim, job_id = start_job(data, schedule=schedule)
    while sim.endpoint.backlog:
        sim.endpoint.process()
    (queue,) = (queue for name, queue in sim.cloud.sqs.queues.items() if name == "succeeded")
    before = len(queue.messages)
    bounded(lambda: sim.functions.deliver(ROLE))
    assert sim.functions.deaths == 1
    assert len(queue.messages) == before == 4
    drain_and_check(sim, job_id, data)
