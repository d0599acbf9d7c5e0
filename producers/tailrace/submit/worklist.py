"""The work of a submit: the plan, less what an earlier submit of the same job has done already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from threading import Lock

from tailrace.progress import OnProgress, Progress
from tailrace.submit.planning import ChunkPlan, Seal
from tailrace.submit.steps import ChunkTask, JobSession, NextStep, next_step


class WorkList:
    """Goes through the plan once, reports progress; ``rows_total`` is known afterwards. Any thread may call `sent`."""

    def __init__(
        self,
        plan: Iterable[ChunkPlan | Seal],
        opening: JobSession,
        *,
        bytes_read: Callable[[], int],
        bytes_total: int | None,
        on_progress: OnProgress,
    ) -> None:
        self._plan = plan
        self._opening = opening
        self._bytes_read = bytes_read
        self._on_progress = on_progress
        self._lock = Lock()
        self.rows_total: int | None = None
        self.progress = Progress(job_id=opening.job.job_id, bytes_total=bytes_total)

    def __iter__(self) -> Iterator[ChunkTask]:
        """The work in the order of the input.

        Raises:
            JobKeyError: the input is not the one that the job was started with.
        """
        for number, each in enumerate(self._plan):
            if isinstance(each, Seal):
                self._opening.recorded.check_end(each.rows_total)
                self.rows_total = each.rows_total
                return
            found = self._opening.recorded.find(each)
            needed = next_step(found) if self._opening.takes_chunks else NextStep.SKIP
            skipped = needed is NextStep.SKIP
            self._advance(rows_read=each.range.end, bytes_read=self._bytes_read(), planned=1, skipped=skipped)
            if not skipped:
                yield ChunkTask(each, found, number)

    def sent(self, _: ChunkTask) -> None:
        """Take note that a chunk needs nothing more."""
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
