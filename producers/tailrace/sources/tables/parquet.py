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

from collections.abc import Callable, Generator
from typing import IO, Any

from tailrace.sources.tables.recognition import BATCH_CELLS, header
from tailrace_core.errors import InputError, TailraceError

_BUFFER_BYTES = 1024 * 1024


def parquet_blocks(file: IO[bytes], name: str, on_share: Callable[[float], None]) -> Generator[bytes, None, None]:
    """Yield a file as blocks of CSV, a header first; ``on_share`` gets the share that is read.

    Memory holds a batch of rows, and about a mebibyte of each column, however large the row groups.

    Raises:
        InputError: pyarrow is not installed, the file is damaged, or a column has no text.
    """
    parquet = _pyarrow_parquet(name)
    from tailrace.sources.tables.arrow_csv import check_types, typed_csv  # noqa: PLC0415 - it needs pyarrow

    try:
        # By default, all bytes of a row group are read before its first row.
        table = parquet.ParquetFile(file, buffer_size=_BUFFER_BYTES, pre_buffer=False)
        schema = table.schema_arrow
        check_types(schema, name)
        yield header(schema.names)
        total, read = max(1, table.metadata.num_rows), 0
        rows = max(1, BATCH_CELLS // len(schema.names))
        for group in range(table.num_row_groups):
            for batch in table.iter_batches(rows, row_groups=[group]):
                read += batch.num_rows
                on_share(read / total)
                yield from typed_csv(batch)
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
