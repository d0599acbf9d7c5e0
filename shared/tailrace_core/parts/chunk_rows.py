"""The rows of an open chunk in memory: sent records, kept records, and earlier rejects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from tailrace_core.csv_text.rejects import Reject
from tailrace_core.jobs.model import Chunk, JobSettings
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.objects.request_frames import RequestFrame
from tailrace_core.parts.source_records import original_record
from tailrace_core.positions.canaries import insert_copies
from tailrace_core.positions.canary_draws import draw_layout
from tailrace_core.positions.canary_layout import CanaryLayout


@dataclass(frozen=True)
class ChunkRows:
    """A chunk's rows, in memory; ``chunk_bytes`` bounds the objects to tens of megabytes."""

    chunk: Chunk
    settings: JobSettings
    frame: RequestFrame
    """The frame of the job's input objects."""
    sent: list[bytes]
    """Lines of the input object with their line ends."""
    kept: list[bytes] | None
    """Records with their line ends, one a row of the range; None when no columns are kept."""
    rejects: list[Reject]
    """Rows rejected before sending."""

    @cached_property
    def sent_rows(self) -> list[int]:
        """The positions of the rows sent, in the whole input and in order."""
        rejected = {each.row for each in self.rejects}
        return [row for row in range(self.chunk.range.first_row, self.chunk.range.end) if row not in rejected]

    @property
    def layout(self) -> CanaryLayout:
        """Layout of the canaries among the rows sent."""
        chunk, settings = self.chunk, self.settings
        return draw_layout(
            chunk.job_id, chunk.range, len(self.sent), settings.canaries, guarded=settings.guarded_canaries
        )

    def body(self) -> bytes:
        """Return what is sent: the rows and their copies, in the frame of a request."""
        layout = self.layout
        if not layout.canaries:
            return self.frame.join(self.sent)
        last = self.sent[-1]
        lines = self.sent if last.endswith(b"\n") else [*self.sent[:-1], last + b"\n"]
        return self.frame.join(insert_copies(lines, layout))

    def divided(self, middle: int) -> tuple[ChunkRows, ChunkRows]:
        """Divide in two, the second with the rows sent from number ``middle`` on.

        The same rows are divided alike. Both ranges tile this one.
        """
        left, right = self.chunk.range.split_at(self.sent_rows[middle])
        return self._child(left, self.sent[:middle]), self._child(right, self.sent[middle:])

    def _child(self, part: RowRange, sent: list[bytes]) -> ChunkRows:
        first = part.first_row - self.chunk.range.first_row
        rejects = [each for each in self.rejects if part.first_row <= each.row < part.end]
        return ChunkRows(
            chunk=replace(self.chunk, range=part, rejected=len(rejects)),
            settings=self.settings,
            frame=self.frame,
            sent=sent,
            kept=None if self.kept is None else self.kept[first : first + part.rows],
            rejects=rejects,
        )

    def reject_all(self, reason: str) -> list[Reject]:
        """Return the rejects object's contents when every row sent is rejected."""
        now = [
            Reject(row, reason, self._original(row, record))
            for row, record in zip(self.sent_rows, self.frame.decode(self.sent), strict=True)
        ]
        return sorted([*self.rejects, *now], key=lambda each: each.row)

    def _original(self, row: int, record: bytes) -> bytes:
        kept = None if self.kept is None else strip_line_end(self.kept[row - self.chunk.range.first_row])
        return original_record(self.settings, strip_line_end(record), kept)


def halve(rows: ChunkRows) -> tuple[ChunkRows, ChunkRows]:
    """Divide a chunk, of which at least two rows were sent, into halves."""
    return rows.divided(len(rows.sent) // 2)


def split_off_first(rows: ChunkRows) -> tuple[ChunkRows, ChunkRows]:
    """Separate the first row sent from the rest, to learn whether the model can score any row."""
    return rows.divided(1)


def split_off_last(rows: ChunkRows) -> tuple[ChunkRows, ChunkRows]:
    """Separate the last row sent from the rest."""
    return rows.divided(len(rows.sent) - 1)


def strip_line_end(record: bytes) -> bytes:
    """Return the record without its line end."""
    return record[:-2] if record.endswith(b"\r\n") else record.removesuffix(b"\n")
