"""Ending a job before all its rows are settled: refused results, cancelled chunks, and counters that still add up."""

from __future__ import annotations

from tailrace_core.aws.calls import Steps
from tailrace_core.jobs.model import Chunk, ChunkState, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.ledger_steps import ImmediateLedger, LedgerSteps, run_immediate
from tailrace_core.ledger.port import Ledger
from tailrace_core.ledger.rules import Settlement, SettleOutcome


def close_job(job_id: str, outcome: JobState, reason: str, *, ledger: Ledger, now: float) -> bool:
    """Close the job as ``outcome`` (failed, cancelled or expired); False when it was closed, or is past that, already.

    From here on no chunk is added, split, scored or rejected. The reconciler is told to look at once, so that
    `cancel_open_chunks` is carried on with if this caller does not get to it.
    """
    return run_immediate(close_job_steps(job_id, outcome, reason, ledger=ImmediateLedger(ledger), now=now))


def cancel_open_chunks(job_id: str, *, ledger: Ledger, now: float, limit: int) -> bool:
    """Cancel the open chunks of a closing job, at most ``limit``; True when none is left, and then the job is sealed.

    A job that was closed while it was being submitted ends where its last chunk ends. What lies before that and was
    never added (chunks are added side by side) is added as cancelled, so that the ranges tile. Two callers at once are
    harmless. ``job.complete`` then holds, and `finish_if_complete` does the rest.

    Args:
        job_id: The job; nothing happens unless it is closing.
        ledger: Where it is kept.
        now: Seconds since the epoch.
        limit: How many chunks to cancel, about 10 ms each.
    """
    return run_immediate(cancel_open_chunks_steps(job_id, ledger=ImmediateLedger(ledger), now=now, limit=limit))


def close_job_steps(job_id: str, outcome: JobState, reason: str, *, ledger: LedgerSteps, now: float) -> Steps[bool]:
    """`close_job` as steps."""
    closed = yield from ledger.close(job_id, outcome, reason)
    if closed:
        yield from ledger.postpone_job(job_id, now)
    return closed


def cancel_open_chunks_steps(job_id: str, *, ledger: LedgerSteps, now: float, limit: int) -> Steps[bool]:
    """`cancel_open_chunks` as steps."""
    job = yield from ledger.job(job_id)
    if job is None or job.state is not JobState.CLOSING:
        return True
    end, cancelled = 0, 0
    page, after = yield from ledger.chunks_page(job_id)
    while True:
        for chunk in page:
            if not chunk.state.leaf:
                continue
            if cancelled >= limit:
                return False
            if chunk.range.first_row > end:
                gap = RowRange(end, chunk.range.first_row - end)
                yield from ledger.add_cancelled(Chunk(job_id=job_id, range=gap, state=ChunkState.CANCELLED, due_at=now))
                cancelled += 1
            if chunk.state is ChunkState.OPEN:
                outcome = yield from ledger.settle(Settlement.cancelled_of(chunk))
                cancelled += outcome is SettleOutcome.SETTLED
            end = chunk.range.end
        if not after:
            break
        page, after = yield from ledger.chunks_page(job_id, after)
    if job.rows_total is None:
        yield from ledger.seal(job_id, end)
    return True
