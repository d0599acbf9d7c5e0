"""Limits of rejected rows: when a job fails because too many rows were rejected."""

from __future__ import annotations

from collections.abc import Iterable

from tailrace_core.jobs.model import Chunk, ChunkState, Job, JobSettings

_PER_CENT = 100.0
NO_ROW_SENT = "no row can be sent"
"""The beginning of the reason of a chunk of which every row was rejected before sending.

The rejects object holds the reason of each."""

ALL_REFUSED_CHUNKS = 32
"""Rejected single rows, without any scored row, after which the input is taken not to fit the
model.

If nine rows in ten are bad, one file in thirty starts with so many bad rows."""


def excess_rejects_reason(job: Job, settings: JobSettings) -> str | None:
    """Return the reason to fail the job if it is over its limit of rejected rows, else None.

    A limit in per cent applies once the job is sealed: before, the number of rows is unknown.
    """
    if settings.max_rejects is not None and job.rows_rejected > settings.max_rejects:
        return f"{job.rows_rejected} rows were rejected, {settings.max_rejects} are allowed (max_rejects)"
    percent = settings.max_rejects_percent
    if percent is None or not job.rows_total:
        return None
    if job.rows_rejected * _PER_CENT > percent * job.rows_total:
        counts = f"{job.rows_rejected} of {job.rows_total} rows were rejected"
        return f"{counts}, {percent:g} % are allowed (max_rejects_percent)"
    return None


def nothing_scored_reason(job: Job, chunks: Iterable[Chunk]) -> str | None:
    """Return the reason to fail a complete job if none of its rows was scored, else None.

    Its size, and why its rows were rejected, make no difference. ``chunks`` are some of its chunks;
    the reason quotes one. A job without rows has nothing to score.
    """
    if job.rows_scored or not job.rows_rejected:
        return None
    rejected = [chunk for chunk in chunks if chunk.state is ChunkState.REJECTED and chunk.reason]
    refused = [chunk for chunk in rejected if chunk.invoked and not chunk.not_isolated]
    quoted = next(iter((*refused, *rejected)), None)
    why = "" if quoted is None else f", for instance with: {quoted.reason}{_row_of(quoted)}"
    return f"no row was scored: all {job.rows_rejected} rows were rejected{why}"


def no_row_sent_reason(reasons: Iterable[tuple[int, str]]) -> str:
    """Return the reason of a chunk of which no row is sent, from each row's number and reason.

    It is that of most rows, with the first of them.
    """
    rows: dict[str, list[int]] = {}
    for row, reason in reasons:
        rows.setdefault(reason, []).append(row)
    if not rows:
        return NO_ROW_SENT
    reason, (first, *others) = max(rows.items(), key=lambda each: len(each[1]))
    return f"{NO_ROW_SENT}: row {first}{f' and {len(others):,} more' if others else ''}: {reason}"


def is_no_row_sent(reason: str | None) -> bool:
    """Report whether a chunk's reason is that no row of it is sent."""
    return reason is not None and reason.startswith(NO_ROW_SENT)


def _row_of(chunk: Chunk) -> str:
    """Return which row a reason is about, unless it says so itself or is about many."""
    is_alone = chunk.range.rows == 1 and not is_no_row_sent(chunk.reason)
    return f" (row {chunk.range.first_row})" if is_alone else ""


def all_refused_reason(job: Job, chunks: Iterable[Chunk]) -> str | None:
    """Return the reason to fail the job if the model refused every row so far, else None.

    More splits would spend the whole budget with the same result for every row. Rows rejected
    before sending do not count.
    """
    if job.rows_scored or job.rows_rejected < ALL_REFUSED_CHUNKS:
        return None
    refused = [
        chunk for chunk in chunks if chunk.state is ChunkState.REJECTED and chunk.invoked and not chunk.not_isolated
    ]
    if len(refused) < ALL_REFUSED_CHUNKS:
        return None
    from tailrace_core.jobs.reasons import lead  # noqa: PLC0415 - a submit needs the limits alone

    last = lead(refused[-1].reason or "no reason was given")
    return (
        f"no row was scored, and the model refused each of {len(refused)} that were tried alone; it said last: {last}"
    )
