"""Rejected rows for people and programs: a CSV to fix and submit again, or JSON."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

from tailrace_core.csv_text.headers import header_line
from tailrace_core.csv_text.json_rows import line_of
from tailrace_core.csv_text.records import QuoteState, split_fields, state_after
from tailrace_core.csv_text.rejects import Reject, reject_columns, write_rejects
from tailrace_core.jobs.model import JobSettings
from tailrace_core.jobs.settings import SourceFormat


class RejectedRows:
    """Format of a job's rejected rows: position (from 0), reason, and columns of the input.

    ``whole`` tells that the records are the original ones. Otherwise the pipeline knows the columns
    that were sent or kept, and the others are left out.
    """

    def __init__(self, settings: JobSettings, *, whole: bool) -> None:
        names = settings.source_columns
        known = {*settings.sent_columns, *settings.kept_columns}
        self._width = len(names)
        self._is_typed = settings.source_format is SourceFormat.JSONL
        self._positions = tuple(range(len(names)) if whole or not known else sorted(known))
        self._names = tuple(names[position] for position in self._positions)
        self._source_names = names

    @property
    def left_out(self) -> tuple[str, ...]:
        """Columns of the input that are left out."""
        return tuple(name for name in self._source_names if name not in self._names)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns of the CSV: ``row``, ``reason``, and those of the input.

        ``row`` or ``reason`` gets an underscore in front when the input has a column of that name:
        no name comes twice.
        """
        return (*reject_columns(self._source_names), *(self._names or ("original",)))

    def csv_header(self) -> bytes:
        """Return the first line of the CSV."""
        return header_line(self.columns)

    def csv_line(self, reject: Reject) -> bytes:
        """Return one row of the CSV: position, quoted reason, fields byte for byte.

        A record that was rejected for its number of fields or its quotes has the same fault here.
        """
        return write_rejects([self._selected(reject)])

    def fields(self, reject: Reject) -> dict[str, Any]:
        """Return one row as a JSON object.

        ``record`` is text; ``record_base64`` replaces it where the bytes are not UTF-8. ``columns``
        are the names of its fields. For a line of JSON Lines that is no row, ``line`` is the line.
        """
        record = self._selected(reject).record
        known: dict[str, Any] = {"row": reject.row, "reason": reject.reason, "isolated": reject.isolated}
        try:
            known["record"] = record.decode()
        except UnicodeDecodeError:
            known["record_base64"] = base64.b64encode(record).decode()
        line = line_of(reject.record, self._width) if self._is_typed else None
        if line is not None:
            known["line"] = line.decode(errors="replace")
        return {**known, "columns": list(self._names)}

    def _selected(self, reject: Reject) -> Reject:
        if len(self._positions) == self._width:
            return reject
        fields = split_fields(reject.record)
        if len(fields) != self._width or state_after(reject.record) is QuoteState.QUOTED:
            return self._still_broken(reject, fields)
        return replace(reject, record=b",".join(fields[position] for position in self._positions))

    def _still_broken(self, reject: Reject, fields: list[bytes]) -> Reject:
        """Return a record whose fields cannot be told apart, whole.

        It gets another field where it would pass for a record of the columns that are left.
        """
        fits = len(fields) == len(self._positions)
        return replace(reject, record=reject.record + b",") if fits else reject
