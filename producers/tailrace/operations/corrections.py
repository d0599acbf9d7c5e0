"""Corrected rows that replace the input of a parked chunk, checked like submitted rows."""

from __future__ import annotations

from tailrace_core.csv_text.headers import HeaderPolicy, parse_names
from tailrace_core.csv_text.records import split_records
from tailrace_core.errors import InputError
from tailrace_core.jobs.model import Chunk, JobSettings
from tailrace_core.positions.canaries import add_copies, remove_copies
from tailrace_core.positions.canary_layout import draw_layout
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
    line = b"" if header is None or settings.header is not HeaderPolicy.REPEAT else header + b"\n"
    body = line + b"".join(records)
    layout = draw_layout(chunk.job_id, chunk.range, chunk.rows_sent, settings.canaries)
    body = add_copies(body, layout, header=line)
    return body if body.endswith(b"\n") else body + b"\n"


def sent_rows(data: bytes, chunk: Chunk, settings: JobSettings) -> bytes:
    """Return a chunk's input object without the copies of its canaries, as it is to be corrected."""
    layout = draw_layout(chunk.job_id, chunk.range, chunk.rows_sent, settings.canaries)
    header = settings.header_line
    lines = split_records(data[len(header) :]) if layout.canaries and data.startswith(header) else []
    return header + b"".join(remove_copies(lines, layout)) if len(lines) == layout.lines else data


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
