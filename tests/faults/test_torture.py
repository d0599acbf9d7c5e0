"""A bounded number of random simulations; `make torture` runs more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tailrace_core.engines import Engine
from tailrace_core.submission.options import DAY_S, SubmitOptions
from tests.faults.dataset import Dataset
from tests.faults.random_runs import RandomRun
from tests.faults.transform_runs import TransformRun, with_time_for_losses

SIMULATIONS = 25


@pytest.mark.parametrize("seed", ["a", "b", "c"])
def test_random_simulations_end_correctly(seed: str) -> None:
    reports = [RandomRun.of(f"{seed}:{number}").run()[1] for number in range(SIMULATIONS)]
    assert sum(report.ok for report in reports)


def test_random_simulations_of_batch_transforms_end_correctly() -> None:
    reports = [TransformRun.of(f"a:{number}").run()[1] for number in range(SIMULATIONS)]
    assert sum(report.ok for report in reports)


def test_a_chunk_that_a_round_left_over_outlives_all_lost_answers() -> None:
    """Each of four refusals that are lost is given up after six hours; the deadline is a day."""
    drawn = replace(
        RandomRun.of("a:0", Engine.TRANSFORM),
        data=Dataset.of(b"1", b"poison"),
        options=SubmitOptions(keep="id", chunk_rows=1, via=Engine.TRANSFORM),
        faults=(),
        notification_counts=(0,) * 4,
        outage_s=None,
        hurries=0,
    )
    run = TransformRun(with_time_for_losses(drawn), troubles=(), layout=0, rest_engine=Engine.REALTIME)
    sim, report = run.run()
    assert (report.ok, sim.job(sim.jobs[0]).rows_rejected) == (2, 1)
    assert sim.cloud.clock() > sim.job(sim.jobs[0]).created_at + DAY_S
