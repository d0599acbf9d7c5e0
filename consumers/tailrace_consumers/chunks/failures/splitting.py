"""The split of a chunk into two, to find a bad row in a few steps.

Usually each child gets half of the rows sent.

While nothing shows that the endpoint scores any row, a split separates one row from the rest. If
that row is scored, halving is worth its invocations. If not, it is more evidence that the input
does not fit the model (`tailrace_core.jobs.limits.all_refused_reason`), or that the endpoint is
down (`tailrace_core.jobs.probing`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from tailrace_consumers.chunks.attempts import Attempts
from tailrace_consumers.ports import ObjectStore
from tailrace_core.csv_text.rejects import Reject, write_rejects
from tailrace_core.jobs.history import HistoryEntry
from tailrace_core.jobs.model import Chunk, Job, QueuedRetry
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.port import Ledger
from tailrace_core.ledger.rules import SettleOutcome
from tailrace_core.objects import keys
from tailrace_core.parts.chunk_rows import ChunkRows


@dataclass(frozen=True)
class ChildContents:
    """A child of a split: its range and the contents of its objects."""

    range: RowRange
    input: bytes
    kept: bytes | None
    rejects: list[Reject]


def contents(rows: ChunkRows) -> ChildContents:
    """Return the contents of a child's objects."""
    return ChildContents(
        range=rows.chunk.range,
        input=rows.body(),
        kept=None if rows.kept is None else b"".join(rows.kept),
        rejects=rows.rejects,
    )


def divide(
    rows: ChunkRows, division: Callable[[ChunkRows], tuple[ChunkRows, ChunkRows]]
) -> tuple[ChildContents, ChildContents]:
    """Divide a chunk; ``division`` is one of `tailrace_core.parts.chunk_rows`."""
    left, right = division(rows)
    return contents(left), contents(right)


def write_child(store: ObjectStore, job_id: str, half: ChildContents) -> None:
    """Write a child's objects; idempotent by their keys."""
    store.put(keys.input_key(job_id, half.range), half.input)
    if half.kept is not None:
        store.put(keys.kept_key(job_id, half.range), half.kept)
    if half.rejects:
        store.put(keys.rejects_key(job_id, half.range), write_rejects(half.rejects))


def child_chunk(half: ChildContents, job: Job, attempts: Attempts) -> Chunk:
    """Build a child to open, with its first attempt intended."""
    return Chunk(
        job_id=job.job_id,
        range=half.range,
        rejected=len(half.rejects),
        due_at=attempts.due_at(),
        # A single row counts only the answers since it began to fail.
        scored_before=job.answers if half.range.rows - len(half.rejects) > 1 else None,
    )


def held_child(child: Chunk, parent: Chunk, attempts: Attempts, delay_s: float) -> Chunk:
    """Return the rest of a probe, held: its attempts are those of its parent, which ran out."""
    return dataclasses.replace(
        child,
        tries=parent.tries,
        reason=parent.reason,
        due_at=attempts.due_at(delay_s),
        retry=QueuedRetry(attempts.now() + delay_s, parent.tries, held=True),
    )


def record_split(
    ledger: Ledger,
    parent: Chunk,
    left: Chunk,
    right: Chunk,
    *,
    job: Job,
    window: int,
    entry: HistoryEntry | None = None,
) -> tuple[SettleOutcome, list[Chunk]]:
    """Record the split in the ledger; return the outcome, and the children to invoke.

    The left child takes the place of its parent in the job's window. If the window is full, the
    right one waits: it is claimed before the ranges behind it, so the number of chunks in flight
    does not grow with the splits.
    """
    waiting = dataclasses.replace(right, attempt=0, tries=0)
    if not 0 < window <= job.chunks_in_flight:
        outcome = ledger.split(parent, left, right, window=window, entry=entry)
        if outcome is not SettleOutcome.NO_ROOM:
            return outcome, [left, right]
    return ledger.split(parent, left, waiting, window=window, entry=entry), [left]
