"""Recognition of tables without importing their libraries."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tailrace_core.errors import InputError

BATCH_CELLS = 500_000
"""Cells that are written at a time: some megabytes of text."""


@dataclass(frozen=True, slots=True)
class TableText:
    """A table as CSV."""

    name: str
    """A name for messages."""
    blocks: Callable[[], Generator[bytes, None, None]]
    """Writes the table as blocks of CSV, a header first."""
    rereadable: bool
    """False for a stream of batches, which can be read once."""


def table_text(source: Any) -> TableText | None:
    """Return the table as CSV; None if ``source`` is no table.

    Raises:
        InputError: it has no columns, or one without a name.
    """
    kind = _kind(source)
    if kind == ("pandas", "DataFrame"):
        from tailrace.sources.tables.pandas_csv import column_names, records  # noqa: PLC0415 - for such tables only

        return _text("the pandas DataFrame", column_names(source), lambda rows: records(source, rows))
    if kind == ("polars", "DataFrame"):
        from tailrace.sources.tables import polars_csv  # noqa: PLC0415 - the same

        return _text("the polars DataFrame", source.columns, lambda rows: polars_csv.records(source, rows))
    if kind is not None and kind[0] == "pyarrow":
        from tailrace.sources.tables import arrow_csv  # noqa: PLC0415 - the same

        once = kind[1] == "RecordBatchReader"
        names = source.schema.names
        return _text("the Arrow table", names, lambda rows: arrow_csv.records(source, rows), rereadable=not once)
    return None


def _text(
    name: str,
    names: Sequence[str],
    records: Callable[[int], Iterator[bytes]],
    *,
    rereadable: bool = True,
) -> TableText:
    if not names:
        raise InputError(f"{name} has no columns: give a table with rows to score")
    rows = max(1, BATCH_CELLS // len(names))

    def blocks() -> Generator[bytes, None, None]:
        yield header(names)
        try:
            yield from records(rows)
        except (TypeError, ValueError, ArithmeticError, NotImplementedError) as exc:
            raise InputError(
                f"{name} cannot be written as CSV ({exc}): convert its columns to text or numbers"
            ) from exc

    return TableText(name, blocks, rereadable)


def header(names: Sequence[str]) -> bytes:
    """Return the header record."""
    line = io.StringIO(newline="")
    # Python's csv module before 3.13 does not quote a lone carriage return by itself.
    if any("\r" in name for name in names):
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
