"""Jobs with many bad rows among very many good ones, and the invocations that isolate them."""

from __future__ import annotations

import random
from bisect import bisect_left
from dataclasses import dataclass

from tailrace.download.rejects_summary.summary import RejectsSummary
from tailrace_core.jobs.model import JobState
from tailrace_core.jobs.settings import RequestFormat
from tailrace_core.submission.options import SubmitOptions
from tests.faults.checker import check
from tests.faults.dataset import Dataset
from tests.faults.model import MISSING
from tests.faults.simulation import Simulation
from tests.faults.verdict import Report

MAX_EXTRA_RATIO = 1.3
"""Most invocations beyond one a chunk, as a ratio of the nodes of the split trees."""


@dataclass(frozen=True)
class PoisonRun:
    """Report and cost of a run."""

    report: Report
    chunks: int
    invocations: int
    split_tree_nodes: int
    """Nodes of the binary split trees if each failing range is split in the middle."""
    splits: int
    budget: int
    """Splits that the job could have made."""
    summary: RejectsSummary | None

    def __str__(self) -> str:
        counts = (
            f"{self.chunks} chunks, {self.invocations} invocations, {self.splits} splits, {self.split_tree_nodes} nodes"
        )
        return f"{counts}; {self.report}"


def split_tree_nodes(bad: list[int], first: int, rows: int) -> int:
    """Count the nodes of a range's split tree; ``bad`` holds the sorted bad rows."""
    at = bisect_left(bad, first)
    if rows == 1 or at == len(bad) or bad[at] >= first + rows:
        return 1
    half = rows // 2
    return 1 + split_tree_nodes(bad, first, half) + split_tree_nodes(bad, first + half, rows - half)


def run_poison_job(
    rows: int,
    poison: int,
    chunk_rows: int,
    *,
    seed: int = 0,
    split_budget: int | None = None,
    missing: bool = False,
    request: RequestFormat = RequestFormat.CSV,
) -> PoisonRun:
    """Run a job of ``rows`` rows, ``poison`` of them bad, and check it.

    A bad row is one of its own, or ``missing``: the value ``NA``, the same in all of them.
    """
    bad = sorted(random.Random(seed).sample(range(rows), poison))
    values = [b"%d" % row for row in range(rows)]
    for row in bad:
        values[row] = MISSING if missing else b"poison%d" % row
    data = Dataset.of(*values)
    sim = Simulation(check_invariants=False)
    options = SubmitOptions(
        keep="id", chunk_rows=chunk_rows, split_budget=split_budget, deadline_s=10 * 86_400, request=request
    )
    job_id = sim.submit(data.text, options)
    assert job_id is not None
    sim.drain()
    report = check(sim, job_id, data, expected=JobState.COMPLETED_WITH_REJECTS if bad else None)
    job = sim.job(job_id)
    with sim.reader() as client:
        summary = client.rejects_summary(job_id)
    starts = range(0, rows, chunk_rows)
    return PoisonRun(
        report=report,
        chunks=len(starts),
        invocations=len(sim.endpoint.accepted),
        split_tree_nodes=sum(split_tree_nodes(bad, first, min(chunk_rows, rows - first)) for first in starts),
        splits=job.splits_spent,
        budget=job.splits_spent + job.split_budget,
        summary=summary,
    )
