"""Reads CSV into columns of text, and tells numbers, dates and text apart."""

from __future__ import annotations

import csv
import gzip
import io
import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from tailrace_local.demo.model.records import RowError, number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

NUMBER, DATE, TEXT = "number", "date", "text"
_EPOCH = datetime(2000, 1, 3)  # noqa: DTZ001  the data's dates have no time zone; a Monday
_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
_DAY_S = 86_400.0


class DataError(ValueError):
    """The data cannot be trained on; the message is worded as a job's FailureReason."""


@dataclass(frozen=True)
class Table:
    """A table's names and columns of text; an empty cell is a missing value."""

    names: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.columns[0]) if self.columns else 0

    def column(self, name: str) -> tuple[str, ...]:
        """Return a column by its name."""
        return self.columns[self.names.index(name)]

    def where(self, kept: Sequence[bool] | NDArray[np.bool_]) -> Table:
        """Return the rows for which `kept` is true."""
        chosen = [tuple(cell for cell, keep in zip(column, kept, strict=True) if keep) for column in self.columns]
        return Table(self.names, tuple(chosen))


def read(paths: Iterable[Path]) -> Table:
    """Read CSV files that each begin with the same header.

    Raises:
        DataError: a file is no CSV in UTF-8, is ragged, or has another header than the first.
    """
    names: list[str] | None = None
    records: list[list[str]] = []
    for path in paths:
        found = _records(path)
        if not found:
            continue
        if names is not None and found[0] != names:
            raise DataError(f"The header of {path.name} differs from the header of the other files.")
        names = found[0]
        for line, record in enumerate(found[1:], 2):
            if len(record) != len(names):
                raise DataError(f"{path.name}, record {line}: {len(record)} fields; the header has {len(names)}.")
        records += found[1:]
    if names is None:
        raise DataError("The input data has no rows.")
    return Table(tuple(names), tuple(zip(*records, strict=True)) if records else tuple(() for _ in names))


def parse(text: str, names: Sequence[str]) -> tuple[list[list[str]], list[int]]:
    """Parse the rows of a request, and return them with their line numbers, from 1.

    A first record with the columns' names is no row.

    Raises:
        RowError: a row is no CSV, or has another number of fields.
    """
    reader = csv.reader(io.StringIO(text.removeprefix(_BOM), newline="\n"), strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    line = 1
    while True:
        try:
            record = next(reader, None)
        except csv.Error as error:
            raise RowError(line, None, f"not CSV ({error})") from error
        if record is None:
            return rows, lines
        if record and not (line == 1 and record == list(names)):
            if len(record) != len(names):
                raise RowError(line, None, f"{len(record)} fields; the model takes {len(names)}: {','.join(names)}")
            rows.append(record)
            lines.append(line)
        line = reader.line_num + 1


def kind_of(cells: Iterable[str]) -> str:
    """Return NUMBER or DATE if all cells that are not missing are such, else TEXT."""
    present = {cell for cell in cells if cell.strip()}
    for kind, convert in ((NUMBER, number), (DATE, _date)):
        if present and all(_converts(convert, cell) for cell in present):
            return kind
    return TEXT


def numbers(cells: Sequence[str], kind: str) -> NDArray[np.float64]:
    """Convert a column of numbers or of dates (days since 2000-01-03); a missing cell is NaN.

    Raises:
        CellError: a cell cannot be converted.
    """
    convert = number if kind == NUMBER else _date
    found = np.empty(len(cells))
    for at, cell in enumerate(cells):
        try:
            found[at] = convert(cell) if cell.strip() else math.nan
        except ValueError:
            raise CellError(at, cell, "a number" if kind == NUMBER else "a date, such as 2018-01-31") from None
    return found


class CellError(ValueError):
    """The cell of a row, counted from 0, cannot be converted."""

    def __init__(self, row: int, cell: str, expected: str) -> None:
        shown = cell if len(cell) <= 40 else cell[:40] + "…"  # noqa: PLR2004  enough to find it
        super().__init__(f"{shown!r} is not {expected}")
        self.row = row


def _records(path: Path) -> list[list[str]]:
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
        return [
            record for record in csv.reader(io.StringIO(text.removeprefix(_BOM), newline=""), strict=True) if record
        ]
    except (UnicodeDecodeError, csv.Error, OSError, EOFError) as error:
        raise DataError(f"{path.name} cannot be read as CSV in UTF-8: {error}") from error


def _date(text: str) -> float:
    return (datetime.fromisoformat(text.strip()).replace(tzinfo=None) - _EPOCH).total_seconds() / _DAY_S


def _converts(convert: Callable[[str], float], cell: str) -> bool:
    try:
        convert(cell)
    except ValueError:
        return False
    return True
