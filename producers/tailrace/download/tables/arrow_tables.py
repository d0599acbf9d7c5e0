"""A result as Arrow tables of bounded size, and as a Parquet file of such row groups.

Number columns are doubles: null where a row has no prediction, NaN where the model said so. All
others are text.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from tailrace.download.tables.column_types import ColumnTypes
from tailrace.download.tables.extras import extra_module
from tailrace_core.answers.shape import ColumnType
from tailrace_core.csv_text.records import START, last_record_end

if TYPE_CHECKING:
    import pyarrow as pa

TABLE_BYTES = 32 * 1024 * 1024
"""CSV that is held and converted at a time."""


class ArrowTables:
    """Converts rows of CSV, written in slices that end anywhere, into tables of some size."""

    def __init__(self, columns: ColumnTypes, table_bytes: int = TABLE_BYTES) -> None:
        self._arrow = extra_module("pyarrow", "arrow", "Arrow and Parquet")
        self._csv = extra_module("pyarrow.csv", "arrow", "Arrow and Parquet")
        self._columns = columns
        self._table_bytes = table_bytes
        self._records: list[bytes] = []
        self._held = 0
        self._carry: list[bytes] = []
        self._state = START
        kinds = {ColumnType.NUMBER: self._arrow.float64(), ColumnType.TEXT: self._arrow.string()}
        self.schema: pa.Schema = self._arrow.schema([(name, kinds[kind]) for name, kind in columns.types.items()])

    def feed(self, data: bytes) -> Iterator[pa.Table]:
        """Take more rows; yield a table when enough of them have come."""
        end, self._state = last_record_end(data, self._state)
        if end:
            self._records += (*self._carry, data[:end])
            self._held += sum(map(len, self._carry)) + end
            self._carry = []
        if end < len(data):
            self._carry.append(data[end:])
        if self._held >= self._table_bytes:
            yield self._table()

    def rest(self) -> Iterator[pa.Table]:
        """Yield the table of the rows that are left, if there are any."""
        if self._held:
            yield self._table()

    def _table(self) -> pa.Table:
        data = b"".join(self._records)
        self._records, self._held = [], 0
        try:
            return self._read(data, self.schema)
        except self._arrow.ArrowInvalid:
            # Spellings of numbers that Python takes and Arrow does not: +1, for instance.
            return self._cast(
                self._read(data, self._arrow.schema([(name, self._arrow.string()) for name in self.schema.names]))
            )

    def _read(self, data: bytes, schema: pa.Schema) -> pa.Table:
        table: pa.Table = self._csv.read_csv(
            io.BytesIO(data),
            read_options=self._csv.ReadOptions(column_names=schema.names, block_size=len(data) + 1),
            parse_options=self._csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=self._csv.ConvertOptions(column_types=schema, null_values=[""], strings_can_be_null=False),
        )
        return table

    def _cast(self, text: pa.Table) -> pa.Table:
        columns: list[Any] = []
        for name, kind in zip(self.schema.names, self.schema.types, strict=True):
            values = text.column(name)
            if self._columns.types[name] is ColumnType.NUMBER:
                values = self._arrow.array([float(each) if each else None for each in values.to_pylist()], kind)
            columns.append(values)
        return self._arrow.table(columns, schema=self.schema)


class ParquetSink:
    """Takes a result's rows and writes them to a Parquet file, a row group for each table."""

    def __init__(self, file: IO[bytes], columns: ColumnTypes, table_bytes: int = TABLE_BYTES) -> None:
        self._tables = ArrowTables(columns, table_bytes)
        parquet = extra_module("pyarrow.parquet", "arrow", "Parquet")
        self._writer = parquet.ParquetWriter(file, self._tables.schema, compression="zstd")

    def write(self, data: bytes) -> int:
        """Take rows, in slices that end anywhere."""
        for table in self._tables.feed(data):
            self._writer.write_table(table, row_group_size=table.num_rows)
        return len(data)

    def finish(self) -> None:
        """Write the rest, and the footer."""
        for table in self._tables.rest():
            self._writer.write_table(table, row_group_size=table.num_rows)
        self._writer.close()


@contextmanager
def parquet_rows(file: IO[bytes], columns: ColumnTypes) -> Iterator[ParquetSink]:
    """Yield a sink for rows without a header; it is finished unless the block raises."""
    sink = ParquetSink(file, columns)
    yield sink
    sink.finish()
