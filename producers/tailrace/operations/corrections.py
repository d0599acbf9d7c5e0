"""Corrected rows that replace the input of a parked chunk, checked like submitted rows."""

from __future__ import annotations

from tailrace_core.csv_text.headers import HeaderPolicy, parse_names
from tailrace_core.csv_text.records import split_records
from tailrace_core.errors import InputError
from tailrace_core.jobs.model import Chunk, JobSettings
from tailrace_core.jobs.settings import RequestFormat
from tailrace_core.objects.request_frames import frame_of
from tailrace_core.positions.canaries import add_copies, remove_copies
from tailrace_core.positions.canary_draws import draw_layout
from tailrace_core.positions.canary_layout import CanaryLayout
from tailrace_core.records.preflight import Preflight

_BOM = b"\xef\xbb\xbf"


def corrected_input(data: bytes, chunk: Chunk, settings: JobSettings) -> bytes:
    """Return the chunk's new input object.

    ``data`` holds as many records as were sent for the chunk, in the same order, with the sent
    columns and no others. If the job repeats its header, the header comes first. If the job strips
    it, it may come first and is removed.

    Raises:
        InputError: ``data`` does not; the message names the row and the remedy.
    """
    records = split_records(data.removeprefix(_BOM))
    header, records = _header_and_rows(records, chunk, settings)
    if len(records) != chunk.rows_sent:
        raise InputError(
            f"the corrected file holds {len(records)} rows, {chunk.rows_sent} were sent for chunk {chunk.range.name}: "
            "fix rows in place, without adding or removing any"
        )
    check = Preflight(len(settings.sent_columns) or 1, header)
    for number, record in enumerate(records, start=1):
        fault = check.reason(record)
        if fault is not None and settings.sent_columns:
            raise InputError(f"row {number} of the corrected file cannot be sent: {fault}", row=number)
    if records and not records[-1].endswith(b"\n"):
        records[-1] += b"\n"
    frame = frame_of(settings)
    layout = _layout(chunk, settings)
    return add_copies(frame.wrap(frame.encode(b"".join(records))), layout, frame)


def sent_rows(data: bytes, chunk: Chunk, settings: JobSettings) -> bytes:
    """Return the rows of a chunk's input object as they are to be corrected: as CSV, without copies.

    An object that has not the frame of the job's requests is returned as it is.
    """
    layout = _layout(chunk, settings)
    if settings.request is RequestFormat.CSV and not layout.canaries:
        return data
    frame = frame_of(settings)
    lines = frame.split(data)
    if len(lines) != layout.lines:
        return data
    return settings.header_line + b"".join(frame.decode(remove_copies(lines, layout)))


def _layout(chunk: Chunk, settings: JobSettings) -> CanaryLayout:
    return draw_layout(chunk.job_id, chunk.range, chunk.rows_sent, settings.canaries, guarded=settings.guarded_canaries)


def _header_and_rows(records: list[bytes], chunk: Chunk, settings: JobSettings) -> tuple[bytes | None, list[bytes]]:
    if settings.header is HeaderPolicy.NONE:
        return None, records
    names = [settings.source_columns[index] for index in settings.sent_columns]
    first = records[0].removesuffix(b"\n").removesuffix(b"\r") if records else b""
    if settings.header is HeaderPolicy.REPEAT:
        expected = (settings.header_record or "").encode()
        if first != expected:
            raise InputError(f"the corrected file starts with {first[:200]!r}, not with the header {expected[:200]!r}")
        return expected, records[1:]
    if len(records) == chunk.rows_sent + 1 and _names(first) == names:
        return first, records[1:]
    return None, records


def _names(record: bytes) -> list[str]:
    try:
        return list(parse_names(record.decode()))
    except (InputError, UnicodeDecodeError):
        return []
