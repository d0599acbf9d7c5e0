"""Inputs for the demo's model with flawed rows, and their expected results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_local.demo.demand import COLUMNS
from tests.faults.expectation import Expectation
from tests.integration.pipeline.demand_rows import Row, ask_model, csv_bytes

KEY = "key"


class Flaw(Enum):
    """Flaw of a row."""

    PRICE = "a price that the model cannot read"
    RAGGED = "a field too many"
    COMMENT = "begins as a comment does"
    NUL = "a NUL byte"
    BLANK = "a blank line"
    HEADER = "the header once more"


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

    @property
    def keep(self) -> tuple[str, ...]:
        """Names of the kept columns: one or none."""
        return ("column_1" if self.header is HeaderPolicy.NONE else KEY,) if self.keyed else ()

    @property
    def text(self) -> bytes:
        """The file's content."""
        head = () if self.header is HeaderPolicy.NONE else (self._header,)
        return b"".join(record + b"\n" for record in (*head, *self._records()))

    def scored(self, model_url: str) -> Scored:
        """Build the expected result by asking the model server itself about the good rows."""
        good = [number for number in range(len(self.rows)) if number not in self.flaws]
        answers = dict(zip(good, ask_model(model_url, [self.rows[number] for number in good]), strict=True))
        lines = (
            Line(record, self._line(number, record, answers.get(number, "")), number in self.flaws)
            for number, record in enumerate(self._records())
        )
        return Scored(tuple(lines), ",".join((*self.keep, "prediction")).encode())

    @property
    def _header(self) -> bytes:
        return ",".join((*((KEY,) if self.keyed else ()), *COLUMNS)).encode()

    def _records(self) -> Iterable[bytes]:
        for number, row in enumerate(self.rows):
            fields = [*([f"k{number}"] if self.keyed else ()), *row]
            flaw = self.flaws.get(number)
            if flaw is Flaw.PRICE:
                fields[-4] = "cheap"
            yield self._flawed(csv_bytes([fields], header=None).removesuffix(b"\n"), flaw)

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
        unknown = self.flaws.get(number) in {Flaw.RAGGED, Flaw.BLANK}
        key = b"" if unknown else record.split(b",", 1)[0]
        return key + b"," + prediction.encode() + b"\n"
