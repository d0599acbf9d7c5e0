"""How the simulated model writes its answers: their form, their order, and its error pages."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tailrace_core.answers.shape import ColumnType


class Form(StrEnum):
    """Form of all answers of a job."""

    CSV = "a line a row"
    ONE_LINE = "one line of CSV"
    DOCUMENT = "a JSON list"
    PREDICTIONS = "a JSON object with a list"
    LINES = "a JSON value a line"


_ACCEPTS = {
    Form.DOCUMENT: "application/json",
    Form.PREDICTIONS: "application/json",
    Form.LINES: "application/jsonlines",
}

WARNING = b"warning %d"
"""A line of the model's own, in place of a row's: its prediction is that of such a record."""

# Rows with one of these words move the answers of their request, if it holds several rows.
REVERSED = b"reversed"
"""All lines stand in reverse order."""
ROTATED = b"rotated"
"""The first line stands last."""
DROPPED = b"dropped"
"""The lines of such rows are left out; a warning for each stands at the end."""
DOUBLED = b"doubled"
"""The line of the first such row stands twice, and the last line is cut off."""
INSERTED = b"inserted"
"""A warning stands before the first such row, and the last line is cut off."""
SWAPPED = b"swapped"
"""The line of the first such row and its neighbour change places."""
LAGGED = b"lagged"
"""The line of the first such row is left out; a warning stands at the beginning."""
STUTTERED = b"stuttered"
"""The line of the first such row is left out; the last line stands twice."""

SHOWN_BY_CANARIES = (REVERSED, ROTATED, DROPPED, DOUBLED, INSERTED, LAGGED, STUTTERED)
"""Disorders that canaries show in every chunk whose predictions all differ."""
SHOWN_BY_ECHOES = (*SHOWN_BY_CANARIES, SWAPPED)
"""Disorders that an echo shows: all of them."""

# Rows with one of these words make the model answer an error page, with status 200.
PAGE_JSON = b"page json"
"""A JSON object with an error, once."""
PAGE_EACH = b"page each"
"""A JSON object with an error for each line that was sent."""
PAGE_HTML = b"page html"
PAGE_NUL = b"page nul"
"""A NUL byte for each line that was sent, each on a line."""
PAGE_BYTES = b"page bytes"
"""Bytes that are no UTF-8, one line for each line that was sent."""
PAGE_TEXT = b"page text"
"""Lines of an error's text, one for each line that was sent, in the form of the job's answers."""

PAGES = (PAGE_JSON, PAGE_EACH, PAGE_HTML, PAGE_NUL, PAGE_BYTES, PAGE_TEXT)
PAGE = b"page "
"""Every such row holds this, and no other row does."""

_ERROR = b'{"error": "CUDA out of memory. Tried to allocate 2 GiB"}\n'
_HTML = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>\n"
_TRACEBACK = "RuntimeError: CUDA out of memory"


@dataclass(frozen=True, slots=True)
class Answering:
    """The form and the columns of a model's answers; they follow from nothing that is sent."""

    form: Form = Form.CSV
    labels: bool = False
    """True for predictions of text; else they are numbers."""
    echoes: bool = False
    """True if a first column gives back the record that was sent."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The output columns."""
        return ("x", "prediction") if self.echoes else ("prediction",)

    @property
    def accept(self) -> str:
        """The media type to ask for."""
        return _ACCEPTS.get(self.form, "text/csv")

    @property
    def declared(self) -> ColumnType:
        """The type that covers all output columns."""
        return ColumnType.TEXT if self.labels or self.echoes else ColumnType.NUMBER

    @property
    def blank(self) -> bytes:
        """The output columns of a row without a prediction."""
        return b"," * (len(self.columns) - 1)

    def prediction(self, record: bytes) -> bytes:
        """Return the output columns for one sent record, as a line of CSV without its end."""
        return b",".join(str(each).encode() for each in self._fields(record))

    def write(self, records: list[bytes]) -> bytes:
        """Write the predictions for the records in the form of the job's answers."""
        return self._written([self._fields(each) for each in records])

    def page(self, body: bytes, lines: int) -> bytes:
        """Write the error page for the first word of one in a request's body of so many lines."""
        match next(each for each in PAGES if each in body):
            case each if each == PAGE_JSON:
                return _ERROR
            case each if each == PAGE_EACH:
                return _ERROR * lines
            case each if each == PAGE_HTML:
                return _HTML
            case each if each == PAGE_NUL:
                return b"\0\n" * lines
            case each if each == PAGE_BYTES:
                return b"\xff\xfe\n" * lines
            case _:
                return self._written([[_TRACEBACK] * len(self.columns)] * lines)

    def _fields(self, record: bytes) -> list[Any]:
        number = zlib.crc32(record)
        # Without digits, which the fingerprint of an error's text leaves out.
        value = f"label {number:08x}".translate(_LETTERS) if self.labels else number
        return [record.decode(), value] if self.echoes else [value]

    def _written(self, rows: list[list[Any]]) -> bytes:
        values = [row if len(row) > 1 else row[0] for row in rows]
        match self.form:
            case Form.DOCUMENT:
                return json.dumps(values).encode()
            case Form.PREDICTIONS:
                return json.dumps({"predictions": values}).encode()
            case Form.LINES:
                return b"".join(json.dumps(each).encode() + b"\n" for each in values)
            case Form.ONE_LINE:
                return b",".join(str(each).encode() for each in values) + b"\n"
            case _:
                return b"".join(",".join(map(str, row)).encode() + b"\n" for row in rows)


_LETTERS = str.maketrans("0123456789", "ghijklmnop")


def disordered(lines: list[bytes]) -> list[bytes]:
    """Return the records in the order in which the model answers them, warnings among them."""
    if any(DROPPED in line for line in lines):
        dropped = [at for at, line in enumerate(lines) if DROPPED in line]
        lines = [line for line in lines if DROPPED not in line] + [WARNING % at for at in dropped]
    if (at := _first(lines, LAGGED)) is not None:
        lines = [WARNING % at, *lines[:at], *lines[at + 1 :]]
    if (at := _first(lines, STUTTERED)) is not None and len(lines) > 1:
        lines = [*lines[:at], *lines[at + 1 :]]
        lines.append(lines[-1])
    if (at := _first(lines, DOUBLED)) is not None:
        lines = [*lines[: at + 1], *lines[at:-1]]
    if (at := _first(lines, INSERTED)) is not None:
        lines = [*lines[:at], WARNING % at, *lines[at:-1]]
    if (at := _first(lines, SWAPPED)) is not None:
        other = at + 1 if at + 1 < len(lines) else at - 1
        lines = list(lines)
        lines[at], lines[other] = lines[other], lines[at]
    if _first(lines, ROTATED) is not None:
        lines = lines[1:] + lines[:1]
    return lines[::-1] if _first(lines, REVERSED) is not None else lines


def _first(lines: list[bytes], word: bytes) -> int | None:
    return next((at for at, line in enumerate(lines) if word in line), None)
