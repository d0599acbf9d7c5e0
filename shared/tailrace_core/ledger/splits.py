"""Splits of chunks as pure functions: their conditions and results (see `rules`)."""

from __future__ import annotations

import dataclasses

from tailrace_core.jobs.model import Chunk, ChunkState, Job
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.rules import SettleOutcome, check_new, opened


def split(
    job: Job | None, chunk: Chunk | None, attempt: int, right: Chunk, window: int
) -> tuple[SettleOutcome, Job | None]:
    """Decide whether ``chunk`` may be split on the failure of ``attempt``.

    Returns the outcome, and the job with one split less in its budget if it may. The left child
    takes the place of its parent in the window; ``right`` needs one more, or waits.
    """
    if chunk is None or chunk.state is not ChunkState.OPEN or chunk.attempt != attempt or chunk.answered:
        return SettleOutcome.ALREADY, job
    refusal = split_refusal(job, right, window)
    if job is None or refusal is not None:
        return refusal or SettleOutcome.REFUSED, job
    paid = dataclasses.replace(job, split_budget=job.split_budget - 1, splits_spent=job.splits_spent + 1)
    spent = dataclasses.replace(
        opened(paid, right),
        waiting_version=job.waiting_version + right.waiting,
        children_waiting=job.children_waiting + right.waiting,
        frontier=job.frontier,
    )
    return SettleOutcome.SETTLED, spent


def split_refusal(job: Job | None, right: Chunk, window: int) -> SettleOutcome | None:
    """Return why a job refuses a split with this right child; None if it does not."""
    if job is None or not job.state.accepts_results:
        return SettleOutcome.REFUSED
    if job.split_budget < 1:
        return SettleOutcome.NO_BUDGET
    if not right.waiting and 0 < window <= job.chunks_in_flight:
        return SettleOutcome.NO_ROOM
    return None


def check_children(parent: Chunk, left: Chunk, right: Chunk) -> None:
    """Raise ValueError unless the children are open chunks of the job that tile their parent.

    Only the right child may wait.
    """
    if not (parent.attempt and left.attempt):
        raise ValueError(f"a chunk that waits is not split, nor the left child: {parent.job_id} {parent.range.name}")
    for child in (left, right):
        check_new(child)
    if left.job_id != parent.job_id or right.job_id != parent.job_id:
        raise ValueError(f"children of another job: {parent.job_id}, {left.job_id}, {right.job_id}")
    _check_tiling(parent.range, left, right)


def _check_tiling(parent: RowRange, left: Chunk, right: Chunk) -> None:
    if (
        left.range.first_row != parent.first_row
        or left.range.end != right.range.first_row
        or right.range.end != parent.end
    ):
        raise ValueError(f"{left.range.name} and {right.range.name} do not tile {parent.name}")
