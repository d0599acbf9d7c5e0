"""Parses a request's CSV into columns, or reports the first row that cannot be read.

A first record with the names of the model's columns is a header and is not scored; anywhere else it
is a bad row.

RFC 4180: quoted fields may hold commas, newlines and doubled quotes; records end with LF or CR LF.
A blank line is skipped silently, and the response then has one prediction fewer. That is
deliberate: scikit-learn's SageMaker container does the same, and a client that relies on positions
must cope with it.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from tailrace_local.demo.demand import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")

_EPOCH = datetime(2018, 1, 1)  # noqa: DTZ001  the data's days have no time zone
_SHOWN = 40
_SLAB = 2048
"""Rows converted to columns at a time; small lists cost little memory and garbage collection."""


class RowError(ValueError):
    """A row cannot be scored.

    `line` is its first line, 1-based; `column` is None if the row is ragged.
    """

    def __init__(self, line: int, column: str | None, problem: str) -> None:
        self.line, self.column, self.problem = line, column, problem
        where = f"line {line}" if column is None else f"line {line}, column {column}"
        super().__init__(f"{where}: {problem}")


@dataclass(frozen=True)
class Columns:
    """A request's rows by column.

    Texts are unchanged and numbers finite; `days` is counted from 2018-01-01, a Monday.
    """

    product_code: list[str]
    product_category: list[str]
    product_subcategory: list[str]
    location_code: list[str]
    scaled_price: list[float]
    promotion_email: list[float]
    promotion_homepage: list[float]
    days: list[int]

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.days)


def parse(body: bytes) -> Columns:
    """Parse the rows of a request body; none if it holds only blank lines.

    Raises:
        RowError: a row cannot be read; the error names the first such row and its column.
    """
    text = _text(body)
    try:
        return _columns(record for record in _without_header(_reader(text)) if record)
    except (csv.Error, ValueError):
        # A row is bad, or a line holds only spaces: parse again, slowly, line by line.
        return _columns(_checked(text))


def number(text: str) -> float:
    """Parse a finite decimal number.

    Raises ValueError, also for Python's underscores between digits.
    """
    value = float(text)
    if not math.isfinite(value) or "_" in text:
        raise ValueError(text)
    return value


def day(text: str) -> int:
    """Return the days from 2018-01-01 to an ISO 8601 date, or date and time. Raises ValueError."""
    return (datetime.fromisoformat(text).replace(tzinfo=None) - _EPOCH).days


def _text(body: bytes) -> str:
    # A byte-order mark would make the first product unknown.
    body = body.removeprefix(codecs.BOM_UTF8)
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise RowError(line, None, f"byte {error.object[error.start]:#04x} is not UTF-8; send text as UTF-8") from error


def _reader(text: str) -> Iterator[list[str]]:
    # Only LF ends a line here: csv accepts a CR before it, and refuses a CR alone.
    return csv.reader(io.StringIO(text, newline="\n"), strict=True)


def _without_header(records: Iterator[list[str]]) -> Iterator[list[str]]:
    first = next(records, [])
    return records if _is_header(first) else itertools.chain([first], records)


def _is_header(record: list[str]) -> bool:
    return tuple(cell.strip() for cell in record) == COLUMNS


def _columns(records: Iterable[list[str]]) -> Columns:
    """Convert records quickly, without line numbers.

    Fails exactly when `_check` fails on one of the records.
    """
    columns = Columns([], [], [], [], [], [], [], [])
    records = iter(records)
    while slab := list(itertools.islice(records, _SLAB)):
        if set(map(len, slab)) != {len(COLUMNS)}:
            raise ValueError("ragged")
        product, category, subcategory, location, price, email, homepage, timestamp = zip(*slab, strict=True)
        columns.product_code.extend(product)
        columns.product_category.extend(category)
        columns.product_subcategory.extend(subcategory)
        columns.location_code.extend(location)
        columns.scaled_price.extend(map(number, price))
        columns.promotion_email.extend(_each_once(number, email))
        columns.promotion_homepage.extend(_each_once(number, homepage))
        columns.days.extend(_each_once(day, timestamp))
    return columns


def _each_once(read: Callable[[str], T], column: tuple[str, ...]) -> Iterable[T]:
    known = {text: read(text) for text in set(column)}
    return map(known.__getitem__, column)


def _checked(text: str) -> Iterator[list[str]]:
    reader = _reader(text)
    line = 1
    while True:
        try:
            record = next(reader, None)
        except csv.Error as error:
            problem = f"not CSV ({error}); quote fields that hold commas, quotes or newlines, and double their quotes"
            raise RowError(line, None, problem) from error
        if record is None:
            return
        if not _is_blank(record) and not (line == 1 and _is_header(record)):
            _check(line, record)
            yield record
        line = reader.line_num + 1  # type: ignore[attr-defined]  # csv's own reader counts lines


def _is_blank(record: list[str]) -> bool:
    return not record or (len(record) == 1 and record[0] != "" and not record[0].strip(" "))


def _check(line: int, record: list[str]) -> None:
    if _is_header(record):
        raise RowError(line, COLUMNS[0], "this is a header; the model takes one at the start of a request only")
    if len(record) != len(COLUMNS):
        raise RowError(line, None, f"{len(record)} fields; the model takes {len(COLUMNS)}: {','.join(COLUMNS)}")
    for column, cell in zip(COLUMNS, record, strict=True):
        read, expected = _READS.get(column, (str, ""))
        try:
            read(cell)
        except ValueError as error:
            problem = f"{_shown(cell)} is not {expected}" if cell else f"empty; send {expected}"
            raise RowError(line, column, problem) from error


def _shown(cell: str) -> str:
    return repr(cell if len(cell) <= _SHOWN else cell[:_SHOWN] + "…")


_READS: dict[str, tuple[Callable[[str], object], str]] = {
    "scaled_price": (number, "a number, such as 0.878183107"),
    "promotion_email": (number, "a number, 0 or 1"),
    "promotion_homepage": (number, "a number, 0 or 1"),
    "timestamp": (day, "a date, such as 2018-01-31"),
}
