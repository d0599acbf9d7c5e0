"""Rejected rows as people and programs get them: a CSV that can be mended and submitted again, or JSON."""

from __future__ import annotations

import base64
from typing import Any

from tailrace.download.parts import header_line
from tailrace_core.csv_text.rejects import Reject, write_rejects
from tailrace_core.jobs.model import JobSettings

ROW, REASON = "row", "reason"


def columns(settings: JobSettings) -> tuple[str, ...]:
    """The header: ``row`` and ``reason``, then the input's own columns.

    A name that the input has too gets an underscore in front, so that none stands there twice.
    """
    names: list[str] = []
    for name in (ROW, REASON):
        while name in settings.source_columns:
            name = f"_{name}"  # noqa: PLW2901 - until it is free
        names.append(name)
    return (*names, *(settings.source_columns or ("original",)))


def csv_header(settings: JobSettings) -> bytes:
    """The first line of the CSV."""
    return header_line(columns(settings))


def csv_line(reject: Reject) -> bytes:
    """One row of the CSV: position (from 0), quoted reason, and the record byte for byte as it stood in the input.

    A record that was rejected for its number of fields, or for its quotes, has them here too.
    """
    return write_rejects([reject])


def fields(reject: Reject) -> dict[str, Any]:
    """One row as a JSON object: ``record`` is text, or ``record_base64`` its bytes where those are not UTF-8."""
    known: dict[str, Any] = {"row": reject.row, "reason": reject.reason}
    try:
        return {**known, "record": reject.record.decode()}
    except UnicodeDecodeError:
        return {**known, "record_base64": base64.b64encode(reject.record).decode()}
