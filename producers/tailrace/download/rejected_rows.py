"""Rejected rows for people and programs: a CSV to fix and submit again, or JSON."""

from __future__ import annotations

import base64
from typing import Any

from tailrace.download.parts import header_line
from tailrace_core.csv_text.rejects import Reject, write_rejects
from tailrace_core.jobs.model import JobSettings

ROW, REASON = "row", "reason"


def columns(settings: JobSettings) -> tuple[str, ...]:
    """Return the header: ``row`` and ``reason``, then the input's own columns.

    ``row`` or ``reason`` gets an underscore in front when the input has a column of that name: no
    name comes twice.
    """
    names: list[str] = []
    for name in (ROW, REASON):
        while name in settings.source_columns:
            name = f"_{name}"  # noqa: PLW2901 - until it is free
        names.append(name)
    return (*names, *(settings.source_columns or ("original",)))


def csv_header(settings: JobSettings) -> bytes:
    """Return the first line of the CSV."""
    return header_line(columns(settings))


def csv_line(reject: Reject) -> bytes:
    """Return one row of the CSV: position (from 0), quoted reason, record byte for byte.

    A record that was rejected for its number of fields or its quotes has the same fault here.
    """
    return write_rejects([reject])


def fields(reject: Reject) -> dict[str, Any]:
    """Return one row as a JSON object.

    ``record`` is text; ``record_base64`` replaces it where the bytes are not UTF-8.
    """
    known: dict[str, Any] = {"row": reject.row, "reason": reject.reason, "isolated": reject.isolated}
    try:
        return {**known, "record": reject.record.decode()}
    except UnicodeDecodeError:
        return {**known, "record_base64": base64.b64encode(reject.record).decode()}
