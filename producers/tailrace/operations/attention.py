"""What needs an operator: the parked chunks of all jobs, from the ledger, grouped by cause.

Nothing is received from the parked queue: each receive counts towards its dead letters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tailrace.aws.queues import Queue
from tailrace.operations.parked import ParkedChunk, ledger_entry
from tailrace_core.errors import AccessDeniedError
from tailrace_core.jobs.advice import advise
from tailrace_core.jobs.classification import classify
from tailrace_core.jobs.failures import FailureClass
from tailrace_core.jobs.reasons import cause_of, lead
from tailrace_core.ledger.port import Ledger

MAX_CHUNKS = 10_000
"""Most parked chunks to list: 100 reads of 100 chunks each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Parked chunks with alike reasons."""

    name: str
    """The container's or the service's words, without what differs between rows; see
    `tailrace_core.jobs.reasons.cause_of`."""
    example: str
    """The reason of the chunk that is parked the longest, the container's words first."""
    failure_class: FailureClass
    advice: str
    chunks: tuple[ParkedChunk, ...]
    """The longest parked first."""

    @property
    def rows(self) -> int:
        """Rows of the chunks."""
        return sum(each.range.rows for each in self.chunks)

    @property
    def job_ids(self) -> tuple[str, ...]:
        """The jobs of the chunks, each once."""
        return tuple(dict.fromkeys(each.job_id for each in self.chunks))


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """Parked chunks of a stack."""

    chunks: tuple[ParkedChunk, ...]
    """The longest parked first."""
    complete: bool
    """False when more are parked than were listed."""
    messages: int | None = None
    """About how many messages the parked queue holds; None if the identity may not ask.

    More than ``chunks`` are stale messages, copies, or chunks that were parked by functions of an
    earlier version, which the ledger's index does not hold.
    """

    def causes(self) -> list[Cause]:
        """Group the chunks by cause, the cause with the most rows first."""
        return group_by_cause(self.chunks)


class AttentionReader:
    """Reads what needs an operator: one query, and reads of up to 100 chunks or jobs at a time."""

    def __init__(self, *, ledger: Ledger, queue: Queue, now: Callable[[], float]) -> None:
        self._ledger = ledger
        self._queue = queue
        self._now = now

    def read(self, limit: int = MAX_CHUNKS) -> Attention:
        """List the parked chunks of all jobs, the longest parked first."""
        due = self._ledger.attention(limit)
        wanted = [(each.job_id, each.range) for each in due if each.range is not None]
        chunks = {(chunk.job_id, chunk.range): chunk for chunk in self._ledger.chunks_of(wanted) if chunk.parked}
        jobs = {job.job_id: job for job in self._ledger.jobs_of(list(dict.fromkeys(job_id for job_id, _ in wanted)))}
        now = self._now()
        listed = [
            ledger_entry(jobs.get(job_id), chunks[job_id, rows], now)
            for job_id, rows in wanted
            if (job_id, rows) in chunks
        ]
        return Attention(chunks=tuple(listed), complete=len(due) < limit, messages=self._messages())

    def _messages(self) -> int | None:
        try:
            return self._queue.size()
        except AccessDeniedError:
            return None


def group_by_cause(chunks: Iterable[ParkedChunk]) -> list[Cause]:
    """Group parked chunks by cause, the cause with the most rows first."""
    groups: dict[str, list[ParkedChunk]] = {}
    for each in chunks:
        groups.setdefault(cause_of(each.reason), []).append(each)
    causes = [_cause(name, found) for name, found in groups.items()]
    return sorted(causes, key=lambda each: (-each.rows, each.name))


def _cause(name: str, chunks: list[ParkedChunk]) -> Cause:
    reason = chunks[0].reason
    failure = classify(reason)
    return Cause(
        name=name, example=lead(reason), failure_class=failure, advice=advise(failure, reason), chunks=tuple(chunks)
    )
