"""An Arrow table, batch or stream of batches as records of CSV."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tailrace_core.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa


def records(
    source: pa.Table | pa.RecordBatch | pa.RecordBatchReader, rows: int, *, typed: bool = False
) -> Iterator[bytes]:
    """Yield the records of so many rows at a time; if ``typed``, as those of Parquet.

    Raises:
        InputError: a column of a typed table has no text.
    """
    from pyarrow import csv  # noqa: PLC0415 - the caller has it, others need not

    if typed:
        check_types(source.schema, "the Arrow table")
    options = csv.WriteOptions(include_header=False, quoting_style="needed")
    for batch in _batches(source):
        for first in range(0, batch.num_rows, rows):
            if typed:
                yield from typed_csv(batch.slice(first, rows))
                continue
            written = io.BytesIO()
            csv.write_csv(_prepared(batch.slice(first, rows)), written, options)
            yield written.getvalue()


def _batches(source: Any) -> Iterator[pa.RecordBatch]:
    if hasattr(source, "to_batches"):
        yield from source.to_batches()
    elif hasattr(source, "num_rows"):
        yield source
    else:
        yield from source


def _prepared(batch: pa.RecordBatch) -> pa.RecordBatch:
    import pyarrow as pa  # noqa: PLC0415 - as above

    columns = [text_column(batch.column(index)) for index in range(batch.num_columns)]
    if len(columns) == 1:
        # CSV readers skip a blank line: a missing value that is alone in its row is quoted.
        columns = [columns[0].cast(pa.string()).fill_null("")]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def text_column(column: pa.Array) -> pa.Array:
    """Return a column as it is written: NaN as null, timestamps as text, no dictionaries."""
    import pyarrow as pa  # noqa: PLC0415 - as above
    from pyarrow import compute  # noqa: PLC0415 - as above

    kind = column.type
    if pa.types.is_dictionary(kind):
        return text_column(column.dictionary_decode())
    if pa.types.is_floating(kind):
        return compute.if_else(compute.is_nan(column), pa.scalar(None, kind), column)
    if pa.types.is_timestamp(kind):
        zone = "" if kind.tz is None else "Z"
        return compute.strftime(
            column.cast(pa.timestamp(kind.unit, "UTC" if zone else None)), f"%Y-%m-%dT%H:%M:%S{zone}"
        )
    return column


def check_types(schema: pa.Schema, name: str) -> None:
    """Refuse columns whose values have no text of their own.

    Raises:
        InputError: there are such columns, or none at all.
    """
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


def typed_csv(batch: pa.RecordBatch) -> Iterator[bytes]:
    """Yield the records of a batch, of which quotes tell text from numbers; nothing for no rows."""
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
