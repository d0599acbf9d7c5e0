"""Reads the rows of an open chunk in the bucket: sent and kept records, and earlier rejects."""

from __future__ import annotations

from collections.abc import Iterator

from tailrace_consumers.ports import ObjectStore
from tailrace_core.csv_text.records import split_records
from tailrace_core.csv_text.rejects import Reject, read_rejects
from tailrace_core.errors import ContractError, NotFoundError
from tailrace_core.jobs.model import Chunk, JobSettings
from tailrace_core.objects import keys
from tailrace_core.objects.request_frames import RequestFrame, frame_of
from tailrace_core.parts.chunk_rows import ChunkRows
from tailrace_core.positions.canaries import remove_copies
from tailrace_core.positions.canary_draws import draw_layout
from tailrace_core.positions.canary_layout import CanaryLayout


def read_chunk_rows(store: ObjectStore, chunk: Chunk, settings: JobSettings, *, lost_input: bool = False) -> ChunkRows:
    """Read the rows of an open chunk.

    With ``lost_input``, an input that is missing, or does not hold the number of rows in the
    ledger, counts as that many rows of empty fields: a lost input may be the reason to discard a
    chunk.

    Raises:
        NotFoundError: an object is missing.
        ContractError: the objects do not hold the rows that the ledger says.
    """
    layout = canary_layout(chunk, settings)
    frame = frame_of(settings)
    lines = _lost_or_sent(store, chunk, settings, layout) if lost_input else _sent(store, chunk, frame)
    rows = ChunkRows(
        chunk=chunk,
        settings=settings,
        frame=frame,
        sent=remove_copies(lines, layout) if len(lines) == layout.lines else lines,
        kept=split_records(_body(store, keys.kept_key(chunk.job_id, chunk.range)))
        if settings.has_kept_columns
        else None,
        rejects=read_chunk_rejects(store, chunk),
    )
    kept = chunk.range.rows if rows.kept is None else len(rows.kept)
    if len(lines) != layout.lines or kept != chunk.range.rows:
        raise ContractError(
            f"chunk {chunk.range.name} of job {chunk.job_id}: its objects hold {len(lines)} sent and {kept} kept "
            f"records, the ledger says {layout.lines} and {chunk.range.rows}; cancel the job and submit it again"
        )
    return rows


def canary_layout(chunk: Chunk, settings: JobSettings) -> CanaryLayout:
    """Return the layout of the canaries in the chunk's input."""
    return draw_layout(chunk.job_id, chunk.range, chunk.rows_sent, settings.canaries, guarded=settings.guarded_canaries)


def read_sent_lines(store: ObjectStore, chunk: Chunk, settings: JobSettings) -> Iterator[list[bytes]]:
    """Return the records of the chunk's input, without the header and newlines, in batches.

    Copies of canaries are among them.

    Raises:
        NotFoundError: the object is missing.
    """
    return frame_of(settings).records(store.read(keys.input_key(chunk.job_id, chunk.range)))


def read_chunk_rejects(store: ObjectStore, chunk: Chunk) -> list[Reject]:
    """Read the rows of an open chunk that were rejected before sending, in order.

    Raises:
        NotFoundError: the object is missing.
        ContractError: it does not hold what the ledger says.
    """
    if not chunk.rejected:
        return []
    key = keys.rejects_key(chunk.job_id, chunk.range)
    found = read_rejects(_body(store, key))
    rows = [each.row for each in found]
    if rows != sorted(set(rows)) or not all(chunk.range.first_row <= row < chunk.range.end for row in rows):
        raise ContractError(f"{store.locate(key)} does not hold rows of its range in order; submit the job again")
    if len(rows) != chunk.rejected:
        raise ContractError(
            f"{store.locate(key)} holds {len(rows)} rejected rows, the ledger says {chunk.rejected}; "
            "submit the job again"
        )
    return found


def _sent(store: ObjectStore, chunk: Chunk, frame: RequestFrame) -> list[bytes]:
    return frame.split(_body(store, keys.input_key(chunk.job_id, chunk.range)))


def _lost_or_sent(store: ObjectStore, chunk: Chunk, settings: JobSettings, layout: CanaryLayout) -> list[bytes]:
    frame = frame_of(settings)
    try:
        sent = _sent(store, chunk, frame)
    except NotFoundError:
        sent = []
    if len(sent) == layout.lines:
        return sent
    return [frame.encode(b"," * (len(settings.sent_columns) - 1) + b"\n")] * layout.lines


def _body(store: ObjectStore, key: str) -> bytes:
    return b"".join(store.read(key))
