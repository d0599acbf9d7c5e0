"""Frames of requests: what stands around the rows in a chunk's input object.

An input object is CSV, perhaps with a header; a JSON document with the rows in a list; or JSON
Lines. A frame divides it into *lines*, one a row, of which splits and corrections build others. A
line is a record of CSV, or a row in JSON; `RequestFrame.decode` returns its record of CSV.

In a JSON document the rows stand on lines of their own: the first line is the template up to the
rows, the last one the template behind them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from tailrace_core.csv_text.framing import complete_records
from tailrace_core.csv_text.records import split_lines, split_records
from tailrace_core.jobs.settings import JobSettings, RequestFormat, SourceFormat
from tailrace_core.objects.request_rows import RequestRows
from tailrace_core.objects.request_templates import DEFAULTS, RequestTemplate


class RequestFrame(Protocol):
    """The frame of a job's input objects."""

    @property
    def least_row_bytes(self) -> int:
        """Size of the shortest row in an input object; 0 if that is the size of its record."""

    def encode(self, records: bytes) -> bytes:
        """Return records of CSV as lines."""

    def decode(self, lines: Sequence[bytes]) -> list[bytes]:
        """Return lines as records of CSV with line ends."""

    def wrap(self, lines: bytes) -> bytes:
        """Return the input object of lines, each with its line end."""

    def wrapped_bytes(self, rows: int, lines: int) -> int:
        """Return the size of an input object of so many rows, which are so many bytes as lines."""

    def split(self, body: bytes) -> list[bytes]:
        """Return the lines of an input object, each with its line end.

        There is none if the object has not the frame.
        """

    def join(self, lines: Sequence[bytes]) -> bytes:
        """Return the input object of lines."""

    def records(self, blocks: Iterable[bytes]) -> Iterator[list[bytes]]:
        """Yield the records of CSV in an input object without their newlines, in batches."""


def frame_of(settings: JobSettings) -> RequestFrame:
    """Return the frame of a job's input objects.

    Raises:
        InputError: the job's template is none.
    """
    return CsvFrame(settings.header_line) if settings.request is RequestFormat.CSV else JsonFrame(settings)


class CsvFrame:
    """Records of CSV as they are, behind a header if it is repeated."""

    least_row_bytes = 0

    def __init__(self, header: bytes) -> None:
        self._header = header

    def encode(self, records: bytes) -> bytes:
        """Return records of CSV as lines."""
        return records

    def decode(self, lines: Sequence[bytes]) -> list[bytes]:
        """Return lines as records of CSV with line ends."""
        return list(lines)

    def wrap(self, lines: bytes) -> bytes:
        """Return the input object of lines, each with its line end."""
        return self._header + lines

    def wrapped_bytes(self, rows: int, lines: int) -> int:  # noqa: ARG002 - as the protocol has it
        """Return the size of an input object of so many rows, which are so many bytes as lines."""
        return len(self._header) + lines

    def split(self, body: bytes) -> list[bytes]:
        """Return the lines of an input object, without its first if that is a header."""
        return split_records(body)[bool(self._header) :]

    def join(self, lines: Sequence[bytes]) -> bytes:
        """Return the input object of lines."""
        return self._header + b"".join(lines)

    def records(self, blocks: Iterable[bytes]) -> Iterator[list[bytes]]:
        """Yield the records of CSV in an input object without their newlines, in batches."""
        header = bool(self._header)
        for data in complete_records(blocks):
            yield split_lines(data)[header:]
            header = False


class JsonFrame:
    """Rows in JSON, in a document or on lines."""

    def __init__(self, settings: JobSettings) -> None:
        columns = [settings.source_columns[index] for index in settings.sent_columns]
        text = settings.request_template or DEFAULTS[settings.request]
        template = RequestTemplate.parse(text, settings.request, columns)
        self._is_document = settings.request is RequestFormat.JSON
        self._before, self._after = template.before + b"\n", template.after
        self._rows = RequestRows(
            columns,
            by_name=template.by_name,
            typed=settings.source_format is SourceFormat.JSONL,
            before=template.row_before,
            after=template.row_after,
        )

    @property
    def least_row_bytes(self) -> int:
        """Size of the shortest row in an input object."""
        return self._rows.least_bytes + self._is_document

    def encode(self, records: bytes) -> bytes:
        """Return records of CSV as lines."""
        return self._rows.encode(records)

    def decode(self, lines: Sequence[bytes]) -> list[bytes]:
        """Return lines as records of CSV with line ends."""
        return self._rows.decode(lines)

    def wrap(self, lines: bytes) -> bytes:
        """Return the input object of lines, each with its line end."""
        if not self._is_document:
            return lines
        return b"".join((self._before, lines[:-1].replace(b"\n", b",\n"), b"\n", self._after))

    def wrapped_bytes(self, rows: int, lines: int) -> int:
        """Return the size of an input object of so many rows, which are so many bytes as lines."""
        return lines + (len(self._before) + rows - 1 + len(self._after)) * self._is_document

    def split(self, body: bytes) -> list[bytes]:
        """Return the lines of an input object, each with its line end."""
        if self._is_document:
            if not body.startswith(self._before) or not body.endswith(b"\n" + self._after):
                return []
            body = body[len(self._before) : len(body) - len(self._after)].replace(b",\n", b"\n")
        lines = body.split(b"\n")
        return [line + b"\n" for line in (lines if lines[-1] else lines[:-1])]

    def join(self, lines: Sequence[bytes]) -> bytes:
        """Return the input object of lines."""
        return self.wrap(b"".join(lines))

    def records(self, blocks: Iterable[bytes]) -> Iterator[list[bytes]]:
        """Yield the records of CSV in an input object without their newlines, in batches."""
        before = self._is_document
        for lines in _physical_lines(blocks):
            rows = lines[before:]
            before = False
            if self._is_document:
                # Rows but the last have a comma behind them; the last line of all is no row.
                rows = [line.removesuffix(b",") for line in rows]
            yield [record[:-1] for record in self._rows.decode(rows)]


def _physical_lines(blocks: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield the lines that end with a newline, without it, in batches; a string holds none."""
    carry: list[bytes] = []
    for block in blocks:
        head, newline, rest = block.rpartition(b"\n")
        if newline:
            yield b"".join((*carry, head)).split(b"\n")
            carry = []
        carry.append(rest)
