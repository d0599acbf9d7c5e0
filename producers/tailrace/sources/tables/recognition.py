"""Recognition of tables without importing their libraries."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tailrace_core.csv_text.headers import reads_as_row
from tailrace_core.errors import InputError

BATCH_CELLS = 500_000
"""Cells that are written at a time: some megabytes of text."""


@dataclass(frozen=True, slots=True)
class TableText:
    """A table as CSV."""

    name: str
    """A name for messages."""
    blocks: Callable[..., Generator[bytes, None, None]]
    """Writes the table as blocks of CSV, a header first; with quotes around text alone if ``typed``
    is true, its only argument."""
    rereadable: bool
    """False for a stream of batches, which can be read once."""


def table_text(source: Any) -> TableText | None:
    """Return the table as CSV; None if ``source`` is no table.

    Raises:
        InputError: it has no columns, or one without a name.
    """
    kind = _kind(source)
    if kind == ("pandas", "DataFrame"):
        from tailrace.sources.tables import pandas_csv  # noqa: PLC0415 - for such tables only

        return _text(
            "the pandas DataFrame",
            pandas_csv.column_names(source),
            lambda rows, typed: (pandas_csv.typed_records if typed else pandas_csv.records)(source, rows),
        )
    if kind == ("polars", "DataFrame"):
        from tailrace.sources.tables import polars_csv  # noqa: PLC0415 - the same

        return _text(
            "the polars DataFrame", source.columns, lambda rows, typed: polars_csv.records(source, rows, typed=typed)
        )
    if kind is not None and kind[0] == "pyarrow":
        from tailrace.sources.tables import arrow_csv  # noqa: PLC0415 - the same

        once = kind[1] == "RecordBatchReader"
        names = source.schema.names
        return _text(
            "the Arrow table",
            names,
            lambda rows, typed: arrow_csv.records(source, rows, typed=typed),
            rereadable=not once,
        )
    return None


def _text(
    name: str,
    names: Sequence[str],
    records: Callable[[int, bool], Iterator[bytes]],
    *,
    rereadable: bool = True,
) -> TableText:
    if not names:
        raise InputError(f"{name} has no columns: give a table with rows to score")
    rows = max(1, BATCH_CELLS // len(names))

    def blocks(*, typed: bool = False) -> Generator[bytes, None, None]:
        yield header(names)
        try:
            yield from records(rows, typed)
        except (TypeError, ValueError, ArithmeticError, NotImplementedError) as exc:
            if isinstance(exc, InputError):
                raise
            raise InputError(
                f"{name} cannot be written as CSV ({exc}): convert its columns to text or numbers"
            ) from exc

    return TableText(name, blocks, rereadable)


def header(names: Sequence[str]) -> bytes:
    """Return the header record."""
    line = io.StringIO(newline="")
    # Python's csv module before 3.13 does not quote a lone carriage return by itself. Names without
    # quotes may be taken for a row, or for another delimiter's.
    doubtful = reads_as_row(names) or (len(names) == 1 and any(each in names[0] for each in ";\t|"))
    if doubtful or any("\r" in name for name in names):
        csv.writer(line, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow(names)
    else:
        csv.writer(line, lineterminator="\n").writerow(names)
    return line.getvalue().encode()


_TABLES = frozenset(
    {
        ("pandas", "DataFrame"),
        ("polars", "DataFrame"),
        ("pyarrow", "Table"),
        ("pyarrow", "RecordBatch"),
        ("pyarrow", "RecordBatchReader"),
    }
)


def _kind(source: object) -> tuple[str, str] | None:
    names = ((each.__module__.partition(".")[0], each.__name__) for each in type(source).__mro__)
    return next((each for each in names if each in _TABLES), None)
