"""Closing of a job before all its rows are settled: its open chunks are cancelled.

The counters still add up to all rows of the job.
"""

from __future__ import annotations

from tailrace_core.aws.calls import Steps
from tailrace_core.jobs.history import HistoryEntry
from tailrace_core.jobs.model import Chunk, ChunkState, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.ledger_steps import ImmediateLedger, LedgerSteps, run_immediate
from tailrace_core.ledger.port import Ledger
from tailrace_core.ledger.rules import Settlement

DEADLINE_PASSED = "the deadline passed"
"""The reason of a job that expired."""


def close_job(job_id: str, outcome: JobState, reason: str, *, ledger: Ledger, now: float) -> bool:
    """Close the job as ``outcome``: failed, cancelled or expired.

    False if it was closed or finished before. From now on no chunk is added, split, scored or
    rejected. The job becomes due at once, so that the reconciler continues with
    `cancel_open_chunks` if this caller dies first.
    """
    return run_immediate(close_job_steps(job_id, outcome, reason, ledger=ImmediateLedger(ledger), now=now))


def cancel_open_chunks(job_id: str, *, ledger: Ledger, now: float, limit: int) -> bool:
    """Cancel at most ``limit`` open chunks of a closing job.

    If none is left, the job is sealed and the result is True. A job that was closed during its
    submit ends where its last chunk ends. Chunks are added concurrently, so earlier ranges may be
    missing: they are added as cancelled, and the ranges tile. Concurrent callers are harmless.
    Afterwards ``job.complete`` holds, and `finish_if_complete` does the rest.

    Args:
        job_id: The job. Nothing happens, and the result is True, unless it is closing.
        ledger: The ledger that holds the job.
        now: Seconds since the epoch.
        limit: The most chunks to cancel, about a millisecond each.
    """
    return run_immediate(cancel_open_chunks_steps(job_id, ledger=ImmediateLedger(ledger), now=now, limit=limit))


def close_job_steps(
    job_id: str, outcome: JobState, reason: str, *, ledger: LedgerSteps, now: float, who: str | None = None
) -> Steps[bool]:
    """`close_job` as steps. ``who`` is the ARN of the person who asked for it, if one did."""
    cancelled = outcome is JobState.CANCELLED
    entry = HistoryEntry(
        at=now, what=outcome, who=who, note=reason if cancelled else None, failure=None if cancelled else reason
    )
    closed = yield from ledger.close(job_id, outcome, reason, entry)
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
        opened: list[Settlement] = []
        for chunk in page:
            if not chunk.state.leaf:
                continue
            if cancelled >= limit:
                yield from ledger.settle_all(opened)
                return False
            if chunk.range.first_row > end:
                gap = RowRange(end, chunk.range.first_row - end)
                cancelled_gap = Chunk(job_id=job_id, range=gap, state=ChunkState.CANCELLED, due_at=now, settled_at=now)
                yield from ledger.add_cancelled(cancelled_gap)
                cancelled += 1
            if chunk.state is ChunkState.OPEN:
                opened.append(Settlement.cancelled_of(chunk, now))
                cancelled += 1
            end = chunk.range.end
        yield from ledger.settle_all(opened)
        if not after:
            break
        page, after = yield from ledger.chunks_page(job_id, after)
    if job.rows_total is None:
        yield from ledger.seal(job_id, end)
    return True
