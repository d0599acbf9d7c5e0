"""Inputs for the demo's model with flawed rows, and their expected results."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_local.demo.demand import COLUMNS
from tests.faults.expectation import Expectation
from tests.integration.pipeline.demand_rows import Row, ask_model, csv_bytes

KEY = "key"


class Flaw(Enum):
    """Flaw of a row."""

    PRICE = "a price that the model cannot read"
    MISSING = "a missing price"
    CRASH = "makes the container answer 500"
    ERROR_OBJECT = "makes it answer an error in JSON, with status 200"
    ERROR_PAGE = "makes it answer a page of HTML, with status 200"
    ERROR_TEXT = "makes it answer a line of an error's text, with status 200"
    NUL_BYTES = "makes it answer NUL bytes, with status 200"
    RAGGED = "a field too many"
    COMMENT = "begins as a comment does"
    NUL = "a NUL byte"
    BLANK = "a blank line"
    HEADER = "the header once more"


class Disorder(Enum):
    """Word in a good row that moves the lines of an answer; a row alone is answered rightly."""

    REVERSED = "Reversed"
    ROTATED = "Rotated"
    DOUBLED = "Doubled"


ANSWERS = (Flaw.CRASH, Flaw.ERROR_OBJECT, Flaw.ERROR_PAGE, Flaw.ERROR_TEXT, Flaw.NUL_BYTES)
"""Flaws that a fault plan turns into an answer: it finds their names in the rows."""
SUBCATEGORY, PRICE = 2, 4
"""Indices of columns of the model."""
_PRICES = {Flaw.PRICE: "cheap", Flaw.MISSING: "NA"}
IN_PREFLIGHT = (Flaw.RAGGED, Flaw.COMMENT, Flaw.NUL, Flaw.BLANK, Flaw.HEADER)
"""Flaws of rows that the producer rejects before sending."""


@dataclass(frozen=True)
class Line:
    """One row: its record, its line in the result, and whether it has to be rejected."""

    record: bytes
    line: bytes
    bad: bool


@dataclass(frozen=True)
class Scored(Expectation):
    """The expected result, according to the model itself."""

    rows: tuple[Line, ...]
    columns: bytes


@dataclass(frozen=True)
class DemandInput:
    """Rows in the model's columns, some flawed; ``keyed`` rows begin with a key, which is kept."""

    rows: Sequence[Row]
    flaws: Mapping[int, Flaw]
    keyed: bool = False
    header: HeaderPolicy = HeaderPolicy.STRIP
    disorders: Mapping[int, Disorder] = field(default_factory=dict)
    """Rows that hold such a word; none of them has a flaw."""
    lines: bool = False
    """True for JSON Lines, whose values are strings. What the pre-flight check refuses in CSV is
    then a line that is no row."""
    key_chars: int = 0
    """Least length of a key."""

    @property
    def keep(self) -> tuple[str, ...]:
        """Names of the kept columns: one or none."""
        return ("column_1" if self.header is HeaderPolicy.NONE else KEY,) if self.keyed else ()

    @property
    def text(self) -> bytes:
        """The file's content."""
        if self.lines:
            return b"".join(self._json_line(number) + b"\n" for number in range(len(self.rows)))
        head = () if self.header is HeaderPolicy.NONE else (self._header,)
        return b"".join(record + b"\n" for record in (*head, *self._records()))

    def scored(self, model_url: str, refused: Collection[int] = ()) -> Scored:
        """Build the expected result by asking the model server itself about the good rows.

        ``refused``: further rows that have to be rejected.
        """
        bad = {*self.flaws, *refused}
        good = [number for number in range(len(self.rows)) if number not in bad]
        answers = dict(zip(good, ask_model(model_url, [self._row(number) for number in good]), strict=True))
        lines = (
            Line(record, self._line(number, record, answers.get(number, "")), number in bad)
            for number, record in enumerate(self._records())
        )
        return Scored(tuple(lines), ",".join((*self.keep, "prediction")).encode())

    @property
    def _header(self) -> bytes:
        return ",".join((*((KEY,) if self.keyed else ()), *COLUMNS)).encode()

    def _row(self, number: int) -> Row:
        row = list(self.rows[number])
        flaw, disorder = self.flaws.get(number), self.disorders.get(number)
        if disorder is not None:
            row[SUBCATEGORY] = disorder.value
        if flaw in ANSWERS:
            row[SUBCATEGORY] = flaw.name
        if flaw in _PRICES:
            row[PRICE] = _PRICES[flaw]
        return row

    def _records(self) -> Iterable[bytes]:
        for number in range(len(self.rows)):
            fields = self._fields(number)
            if self.lines:
                yield self._record_of_line(number, fields)
                continue
            yield self._flawed(csv_bytes([fields], header=None).removesuffix(b"\n"), self.flaws.get(number))

    def _fields(self, number: int) -> Row:
        return [*([f"k{number}".ljust(self.key_chars, "x")] if self.keyed else ()), *self._row(number)]

    def _json_line(self, number: int) -> bytes:
        names = (*((KEY,) if self.keyed else ()), *COLUMNS)
        line = json.dumps(dict(zip(names, self._fields(number), strict=True)), ensure_ascii=False).encode()
        return line + b"," if self.flaws.get(number) in IN_PREFLIGHT else line

    def _record_of_line(self, number: int, fields: Row) -> bytes:
        """Return the record of CSV that a line is read to: a line that is no row is one field."""
        texts = [self._json_line(number).decode()] if self.flaws.get(number) in IN_PREFLIGHT else fields
        return ",".join('"' + text.replace('"', '""') + '"' for text in texts).encode()

    def _flawed(self, record: bytes, flaw: Flaw | None) -> bytes:
        match flaw:
            case Flaw.RAGGED:
                return record + b",5"
            case Flaw.COMMENT:
                return b"#" + record
            case Flaw.NUL:
                return record + b"\0"
            case Flaw.BLANK:
                return b""
            case Flaw.HEADER:
                return self._header
            case _:
                return record

    def _line(self, number: int, record: bytes, prediction: str) -> bytes:
        if not self.keyed:
            # CSV readers skip an empty line.
            return (prediction or '""').encode() + b"\n"
        # The key of a ragged record is unknown.
        unknown = self.flaws.get(number) in (IN_PREFLIGHT if self.lines else {Flaw.RAGGED, Flaw.BLANK})
        key = b"" if unknown else record.split(b",", 1)[0]
        return key + b"," + prediction.encode() + b"\n"
