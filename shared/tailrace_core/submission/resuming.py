"""Resuming a job: chunks of earlier submits in the ledger, compared with this submit's plan."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tailrace_core.errors import JobKeyError
from tailrace_core.jobs.model import Chunk, ChunkState

if TYPE_CHECKING:
    from tailrace_core.submission.planning import ChunkPlan


class PreviousChunks:
    """The chunks that a job was submitted with; chunks from later splits are left out."""

    def __init__(self, chunks: Iterable[Chunk], *, rows_total: int | None = None) -> None:
        self._chunks: list[Chunk] = []
        self._rows_total = rows_total
        split_end = 0
        for chunk in sorted(chunks, key=lambda each: (each.range.first_row, -each.range.rows)):
            if chunk.range.first_row < split_end:
                continue
            self._chunks.append(chunk)
            if chunk.state is ChunkState.SPLIT:
                split_end = chunk.range.end
        self._starts = [chunk.range.first_row for chunk in self._chunks]

    def __len__(self) -> int:
        return len(self._chunks)

    def find(self, plan: ChunkPlan) -> Chunk | None:
        """Return the recorded chunk of a planned one; None when it is not recorded yet.

        Raises:
            JobKeyError: the record of these rows comes from another input.
        """
        row = plan.range.first_row
        at = bisect_right(self._starts, row) - 1
        if at >= 0 and self._chunks[at].range.end > row:
            chunk = self._chunks[at]
            if chunk.range == plan.range and chunk.input_checksum in {plan.source_checksum, None}:
                return chunk
            raise _differs(row)
        following = self._starts[at + 1] if at + 1 < len(self._starts) else None
        if following is not None and following < plan.range.end:
            raise _differs(row)
        if self._rows_total is not None:
            raise _differs(row)
        return None

    def check_end(self, rows_total: int) -> None:
        """Refuse an input that does not end where the recorded input ends.

        Raises:
            JobKeyError: it does not.
        """
        last = self._chunks[-1].range.end if self._chunks else 0
        if last > rows_total or (self._rows_total is not None and self._rows_total != rows_total):
            raise _differs(min(rows_total, last))


def _differs(row: int) -> JobKeyError:
    return JobKeyError(
        f"the input differs from row {row} on (rows count from 0, the header not included) from what this job key was "
        "used with; submit the same input to continue that job, or use another key for another job",
        row=row,
    )
