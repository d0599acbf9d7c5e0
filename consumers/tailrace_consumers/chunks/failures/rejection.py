"""The rejection of whole chunks.

It writes a chunk's rows to its part without predictions, and to its rejects object with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator

from tailrace_consumers.chunks.settling import ChunkSettler
from tailrace_consumers.objects.chunk_rows import read_chunk_rows
from tailrace_consumers.objects.parts import Part, Parts
from tailrace_consumers.outcomes import Outcome
from tailrace_consumers.ports import ObjectStore
from tailrace_core.csv_text.rejects import read_rejects, write_rejects
from tailrace_core.errors import NotFoundError
from tailrace_core.jobs.history import HistoryEntry
from tailrace_core.jobs.model import Chunk, JobSettings
from tailrace_core.jobs.split_budget import not_isolated_reason
from tailrace_core.objects import keys
from tailrace_core.parts.chunk_rows import ChunkRows
from tailrace_core.parts.joining import BATCH_LINES, blank_prediction, join_lines


class Rejection:
    """Rejects all rows of an open chunk."""

    def __init__(self, *, store: ObjectStore, parts: Parts, settler: ChunkSettler) -> None:
        self._store = store
        self._parts = parts
        self._settler = settler

    def reject(
        self,
        chunk: Chunk,
        settings: JobSettings,
        reason: str,
        *,
        lost_input: bool = False,
        isolated: bool = True,
        entry: HistoryEntry | None = None,
    ) -> Outcome:
        """Reject all rows of the chunk that were sent; ``lost_input`` as for `read_chunk_rows`.

        ``entry`` is added to the chunk's history.

        ``isolated`` is False for rows that share the failure of a chunk that could not be split.

        The part is written first: it decides between this rejection and a late success. Then the
        rejects object overwrites that of the rows rejected before sending; after a crash in
        between, that one can be read again.
        """
        part = self._parts.find(chunk)
        if part is None or (part.rejected == chunk.range.rows and not self._recorded(chunk)):
            rows = read_chunk_rows(self._store, chunk, settings, lost_input=lost_input)
            unknown = 0 if isolated else chunk.rows_sent
            part = part or self._parts.write(chunk, _blank_lines(rows), rejected=chunk.range.rows, not_isolated=unknown)
            self._record(rows, part, _stated(part, reason))
        return self._settler.settle_part(chunk, settings, part, reason=_stated(part, reason), entry=entry)

    def _record(self, rows: ChunkRows, part: Part, reason: str) -> None:
        if part.rejected == rows.chunk.range.rows:
            key = keys.rejects_key(rows.chunk.job_id, rows.chunk.range)
            self._store.put(key, write_rejects(rows.reject_all(reason)))

    def _recorded(self, chunk: Chunk) -> bool:
        """Return whether the rejects object holds every row of the range."""
        try:
            body = b"".join(self._store.read(keys.rejects_key(chunk.job_id, chunk.range)))
        except NotFoundError:
            return False
        return len(read_rejects(body)) == chunk.range.rows


def _stated(part: Part, reason: str) -> str:
    """Return the reason as recorded: the part says whether its rows were isolated."""
    return not_isolated_reason(part.not_isolated, reason) if part.not_isolated else reason


def _blank_lines(rows: ChunkRows) -> Iterator[bytes]:
    blank = blank_prediction(len(rows.settings.output_columns), kept=rows.kept is not None)
    count = rows.chunk.range.rows
    blanks = ([blank] * min(BATCH_LINES, count - start) for start in range(0, count, BATCH_LINES))
    kept = None if rows.kept is None else [[record.removesuffix(b"\n") for record in rows.kept]]
    return join_lines(blanks, kept)
