"""The record that a row had in the source, put together again from what was sent and what was kept."""

from __future__ import annotations

from tailrace_core.csv_text.records import split_fields
from tailrace_core.jobs.model import JobSettings


def original_record(settings: JobSettings, sent: bytes, kept: bytes | None) -> bytes:
    """The source's record of sent and kept fields, byte for byte, in the source's order, without a line end.

    Columns that were dropped come out empty. Where the fields do not fit the settings' columns (the record was ragged
    and nobody looked), all that is known is given as it is: kept fields first.
    """
    if not settings.source_columns:
        return sent if kept is None else b"%b,%b" % (kept, sent)
    fields = [b""] * len(settings.source_columns)
    for columns, record in ((settings.kept_columns, kept), (settings.sent_columns, sent)):
        if record is None or not columns:
            continue
        values = split_fields(record)
        if len(values) != len(columns):
            return sent if kept is None else b"%b,%b" % (kept, sent)
        for column, value in zip(columns, values, strict=True):
            fields[column] = value
    return b",".join(fields)
