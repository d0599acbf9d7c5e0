"""An Arrow table, batch or stream of batches as records of CSV."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


def records(source: pa.Table | pa.RecordBatch | pa.RecordBatchReader, rows: int) -> Iterator[bytes]:
    """Yield the records of so many rows at a time."""
    from pyarrow import csv  # noqa: PLC0415 - the caller has it, others need not

    options = csv.WriteOptions(include_header=False, quoting_style="needed")
    for batch in _batches(source):
        for first in range(0, batch.num_rows, rows):
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
