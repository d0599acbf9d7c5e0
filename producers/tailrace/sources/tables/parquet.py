"""Parquet as a stream of CSV, a row group after the other.

The text is that of the other tables (`tailrace.sources.tables`), with the rule of JSON Lines for
quotes: text, dates, times and timestamps are quoted, and nothing else is, so that the text ``"7"``
and the number ``7`` stay apart.

- Columns are those of the file, in its order. A dictionary column is one of its values.
- Null and NaN are an empty field.
- A float is the shortest decimal that gives the same float back; a decimal has all its digits; an
  infinite float is ``inf`` or ``-inf``.
- A boolean is ``true`` or ``false``.
- A date is ``2026-01-31``, a time ``08:30:00.000000``, a timestamp ``2026-01-31T08:30:00.000000``,
  each with all digits of its unit; a timestamp with a time zone is in UTC, with a ``Z``.
- Lists, structs, maps, bytes, durations and types of extensions have no such text: they are refused
  by name, before anything is read.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Generator, Iterator
from typing import IO, TYPE_CHECKING, Any

from tailrace.sources.tables.recognition import BATCH_CELLS, header
from tailrace_core.errors import InputError, TailraceError

if TYPE_CHECKING:
    import pyarrow as pa

_BUFFER_BYTES = 1024 * 1024


def parquet_blocks(file: IO[bytes], name: str, on_share: Callable[[float], None]) -> Generator[bytes, None, None]:
    """Yield a file as blocks of CSV, a header first; ``on_share`` gets the share that is read.

    Memory holds a batch of rows, and what is read ahead of it in its row group.

    Raises:
        InputError: pyarrow is not installed, the file is damaged, or a column has no text.
    """
    parquet = _pyarrow_parquet(name)
    try:
        table = parquet.ParquetFile(file, buffer_size=_BUFFER_BYTES)
        schema = table.schema_arrow
        _check(schema, name)
        yield header(schema.names)
        total, read = max(1, table.metadata.num_rows), 0
        rows = max(1, BATCH_CELLS // len(schema.names))
        for group in range(table.num_row_groups):
            for batch in table.iter_batches(rows, row_groups=[group]):
                read += batch.num_rows
                yield from _records(batch)
                on_share(read / total)
    except (OSError, ValueError, ArithmeticError, NotImplementedError) as exc:
        if isinstance(exc, TailraceError):
            raise
        raise InputError(f"{name} cannot be read as Parquet: {exc}") from exc


def _pyarrow_parquet(name: str) -> Any:
    try:
        from pyarrow import parquet  # noqa: PLC0415 - an optional extra, needed for Parquet only
    except ImportError as error:
        raise InputError(f"{name} is Parquet: install tailrace[arrow], or convert it to CSV") from error
    return parquet


def _check(schema: pa.Schema, name: str) -> None:
    if not schema.names:
        raise InputError(f"{name} has no columns: give a table with rows to score")
    refused = [f"{field.name!r} ({field.type})" for field in schema if not _has_text(field.type)]
    if refused:
        raise InputError(
            f"{name} has columns that have no text in CSV: {', '.join(refused)}; write them as text or numbers, or "
            "leave them out"
        )


def _has_text(kind: pa.DataType) -> bool:
    from pyarrow import types  # noqa: PLC0415 - as above

    if types.is_dictionary(kind):
        return _has_text(kind.value_type)
    known = ("integer", "floating", "decimal", "boolean", "date", "time", "timestamp", "string", "large_string", "null")
    views = getattr(types, "is_string_view", None)
    return any(getattr(types, f"is_{each}")(kind) for each in known) or bool(views and views(kind))


def _records(batch: pa.RecordBatch) -> Iterator[bytes]:
    import pyarrow as pa  # noqa: PLC0415 - as above
    from pyarrow import csv  # noqa: PLC0415 - as above

    if not batch.num_rows:
        return
    columns = [_column(column) for column in batch.columns]
    written = io.BytesIO()
    named = pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
    # Quotes are "needed" by every text, as one may hold a quote.
    csv.write_csv(named, written, csv.WriteOptions(include_header=False, quoting_style="needed"))
    if len(columns) == 1 and columns[0].null_count:
        yield _without_blank_lines(columns[0], written.getvalue())
    else:
        yield written.getvalue()


def _column(column: pa.Array) -> pa.Array:
    import pyarrow as pa  # noqa: PLC0415 - as above
    from pyarrow import types  # noqa: PLC0415 - as above

    from tailrace.sources.tables.arrow_csv import text_column  # noqa: PLC0415 - it is for tables

    kind = column.type
    if types.is_dictionary(kind):
        return _column(column.dictionary_decode())
    if types.is_date(kind) or types.is_time(kind):
        return column.cast(pa.string())
    if types.is_integer(kind) or types.is_decimal(kind) or types.is_boolean(kind) or types.is_string(kind):
        return column
    if types.is_floating(kind) or types.is_timestamp(kind):
        return text_column(column)
    return column.cast(pa.large_string())


def _without_blank_lines(column: pa.Array, written: bytes) -> bytes:
    """Quote missing values that are alone in their rows: CSV readers skip a blank line."""
    from tailrace_core.csv_text.records import split_records  # noqa: PLC0415 - few tables have one column

    records = split_records(written)
    assert len(records) == len(column)  # noqa: S101 - a value is a record
    return b"".join(b'""\n' if record == b"\n" else record for record in records)
