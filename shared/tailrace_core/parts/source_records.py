"""A row's record in the source, rebuilt from its sent and kept fields."""

from __future__ import annotations

from tailrace_core.csv_text.records import split_fields
from tailrace_core.jobs.model import JobSettings


def original_record(settings: JobSettings, sent: bytes, kept: bytes | None) -> bytes:
    """Rebuild the source's record from sent and kept fields, without a line end.

    Fields are byte for byte those of the source, in its order; dropped columns are empty. When the
    number of fields differs from the settings' columns (a ragged record that no check refused), the
    result is the kept fields, then the sent ones.
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
