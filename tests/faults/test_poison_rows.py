"""Cost of bad rows: one row each, and about as many invocations as a search for them takes.

The split budget bounds the cost of inputs with many bad rows.
"""

from __future__ import annotations

from math import log2

import pytest

from tailrace_core.jobs.model import ChunkState, JobState
from tailrace_core.jobs.probing import MAX_PROBES
from tailrace_core.jobs.settings import RequestFormat
from tailrace_core.submission.options import SubmitOptions
from tests.faults.checker import check
from tests.faults.dataset import Dataset
from tests.faults.model import BAD_REQUEST
from tests.faults.poison import MAX_EXTRA_RATIO, run_poison_job
from tests.faults.simulation import Simulation


@pytest.mark.parametrize(("seed", "request_format"), [(0, RequestFormat.CSV), (1, RequestFormat.JSON)])
def test_exactly_the_bad_rows_are_rejected_with_few_more_invocations_than_the_trees_have_nodes(
    seed: int, request_format: RequestFormat
) -> None:
    found = run_poison_job(20_000, 20, 2_000, seed=seed, request=request_format)
    assert found.invocations - found.chunks <= MAX_EXTRA_RATIO * found.split_tree_nodes


def test_three_per_cent_of_bad_rows_are_isolated_exactly_within_the_default_budget() -> None:
    found = run_poison_job(10_000, 300, 2_000, missing=True)
    assert found.invocations - found.chunks <= MAX_EXTRA_RATIO * found.split_tree_nodes
    assert found.budget == 10_000 + 10_000 // 4
    # k (log2(n / k) + 1.5) splits for k bad rows among n.
    assert found.splits <= 1.1 * 300 * (log2(10_000 / 300) + 1.5)
    assert found.summary is not None
    (reason,) = found.summary.reasons
    assert reason.reason.startswith(BAD_REQUEST)
    assert reason.rows == 300
    assert not found.summary.sampled
    missing = found.summary.missing_values
    assert missing is not None
    assert (missing.tokens, missing.explained_rows) == (("NA",), missing.rejected_rows)
    assert missing.scored_rows > 0


def test_a_chunk_of_bad_rows_alone_ends_within_the_budget() -> None:
    budget = 20
    sim = Simulation()
    data = Dataset.of(*[b"poison"] * 300)
    job_id = sim.submit(data.text, SubmitOptions(keep="id", chunk_rows=100, split_budget=budget))
    assert job_id is not None
    sim.drain()
    job = sim.job(job_id)
    assert (job.state, job.rows_rejected) == (JobState.FAILED, 300)
    assert (job.split_budget, job.splits_spent) == (0, budget)
    # Each split separated one row, and the budget ended in each of the three chunks.
    assert job.rows_not_isolated == 300 - budget
    assert len(sim.endpoint.accepted) == 3 + 2 * budget


def test_an_endpoint_that_goes_down_half_way_costs_no_row() -> None:
    sim = Simulation(operator=False)
    data = Dataset.of(*[b"%d" % row for row in range(60)])
    options = SubmitOptions(keep="id", chunk_rows=10, max_attempts=3)
    job_id = sim.submit(data.text, options)
    assert job_id is not None
    sim.endpoint.process()
    sim.functions.deliver("collect_results")

    sim.endpoint.down = True
    until = sim.cloud.clock() + 3_600
    while sim.cloud.clock() < until:
        sim.pump()
        sim.wait()
    job = sim.job(job_id)
    assert (job.rows_scored, job.rows_rejected, job.state) == (10, 0, JobState.RUNNING)
    # The five chunks in flight use up their attempts, then four rows are tried alone, and the rest
    # of the chunk of each once more.
    assert len(sim.endpoint.accepted) == 6 + 5 * 2 + MAX_PROBES * (3 + 1)

    sim.endpoint.down = False
    sim.operator = True
    sim.drain()
    check(sim, job_id, data)


def test_an_endpoint_that_is_down_is_not_asked_for_ever_and_nothing_is_rejected() -> None:
    sim = Simulation(operator=False)
    sim.endpoint.down = True
    data = Dataset.of(*[b"1"] * 8)
    options = SubmitOptions(keep="id", chunk_rows=2, max_attempts=3, deadline_s=20_000)
    job_id = sim.submit(data.text, options)
    assert job_id is not None
    sim.drain()
    job = sim.job(job_id)
    assert (job.state, job.rows_rejected, job.rows_cancelled) == (JobState.EXPIRED, 0, 8)
    assert len(sim.endpoint.accepted) == (4 + MAX_PROBES) * options.max_attempts + MAX_PROBES
    assert len(sim.cloud.queue("parked").messages) == 4 + MAX_PROBES
    assert {each.state for each in sim.leaves(job_id)} == {ChunkState.CANCELLED}
