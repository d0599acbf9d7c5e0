"""The chunks that a submit still has to send.

That is the plan, less the chunks that an earlier submit has sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Self

from tailrace.progress import OnProgress, Progress
from tailrace.sources.record_source import RecordSource
from tailrace_core.records import plain_text
from tailrace_core.submission.chunk_steps import ChunkTask, JobSession, NextStep, next_step
from tailrace_core.submission.planning import ChunkPlan, Planner, Seal

if TYPE_CHECKING:
    from tailrace_core.submission.options import SubmitOptions


def probably_needs_numpy(source: RecordSource, options: SubmitOptions) -> bool:
    """Report whether NumPy is to be imported while the caller waits for something else."""
    return not (options.sends_as_is and is_small(source) and plain_text.may_be_plain(source.head))


def is_small(source: RecordSource) -> bool:
    """Report whether a source is worth a look without NumPy."""
    return source.size_hint_bytes is not None and source.size_hint_bytes <= plain_text.MAX_BYTES


class WorkList:
    """Iterates over the plan once and reports progress. Any thread may call `sent`.

    ``rows_total`` is None until the iteration has reached the plan's end.
    """

    def __init__(
        self,
        plan: Iterable[ChunkPlan | Seal],
        session: JobSession,
        *,
        bytes_read: Callable[[], int],
        bytes_total: int | None,
        on_progress: OnProgress,
    ) -> None:
        self._plan = plan
        self._session = session
        self._bytes_read = bytes_read
        self._on_progress = on_progress
        self._lock = Lock()
        self.rows_total: int | None = None
        self.progress = Progress(job_id=session.job.job_id, bytes_total=bytes_total)

    @classmethod
    def of(cls, source: RecordSource, planner: Planner, session: JobSession, on_progress: OnProgress) -> Self:
        """Return the chunks of an opened source, to be sent to the job of ``session``.

        They are cut as the job's settings say: a job that goes on keeps those that it began with.
        """
        planner = replace(planner, settings=session.settings)
        return cls(
            planner.plan(
                source.blocks(),
                source.describe_position,
                source.known_rejects,
                boundaries=source.boundaries(planner.settings.stripe_bytes),
                is_small=is_small(source),
            ),
            session,
            bytes_read=lambda: source.bytes_read,
            bytes_total=source.size_hint_bytes,
            on_progress=on_progress,
        )

    def __iter__(self) -> Iterator[ChunkTask]:
        """Yield the chunks to send in the order of the input.

        Raises:
            JobKeyError: the input is not the one that the job was started with.
        """
        for number, each in enumerate(self._plan):
            if isinstance(each, Seal):
                self._session.recorded.check_end(each.rows_total)
                self.rows_total = each.rows_total
                return
            found = self._session.recorded.find(each)
            needed = next_step(found) if self._session.takes_chunks else NextStep.SKIP
            skipped = needed is NextStep.SKIP
            self._advance(rows_read=each.range.end, bytes_read=self._bytes_read(), planned=1, skipped=skipped)
            if not skipped:
                yield ChunkTask(each, found, number)

    def sent(self, _: ChunkTask) -> None:
        """Count a chunk that needs nothing more."""
        self._advance(sent=1)

    def _advance(
        self,
        *,
        rows_read: int | None = None,
        bytes_read: int | None = None,
        planned: int = 0,
        sent: int = 0,
        skipped: bool = False,
    ) -> None:
        with self._lock:
            now = self.progress
            self.progress = replace(
                now,
                rows_read=now.rows_read if rows_read is None else rows_read,
                bytes_read=now.bytes_read if bytes_read is None else bytes_read,
                chunks_planned=now.chunks_planned + planned,
                chunks_sent=now.chunks_sent + sent,
                chunks_skipped=now.chunks_skipped + skipped,
            )
            self._on_progress(self.progress)
