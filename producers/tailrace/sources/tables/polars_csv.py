"""A polars DataFrame as records of CSV."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tailrace_core.errors import InputError

if TYPE_CHECKING:
    import polars as pl


def records(
    frame: pl.DataFrame, rows: int, name: str = "the polars DataFrame", *, typed: bool = False
) -> Iterator[bytes]:
    """Yield the records of so many rows at a time.

    If they are ``typed``, quotes tell text from numbers.

    Raises:
        InputError: a column is nested, or of bytes or durations; it says where by ``name``.
    """
    import polars as pl  # noqa: PLC0415 - the caller has it, others need not
    import polars.selectors as cs  # noqa: PLC0415 - the same

    zoned = cs.datetime(time_zone="*")
    plain = [zoned.dt.convert_time_zone("UTC").dt.replace_time_zone(None).dt.to_string("iso:strict") + "Z"]
    if typed:
        plain.append(cs.datetime(time_zone=None).dt.to_string("iso:strict"))
    missing = '""' if typed else ""
    try:
        for batch in frame.iter_slices(rows):
            written = batch.with_columns(cs.float().fill_nan(None), *plain)
            if typed:
                written = written.with_columns(
                    ('"' + pl.col(column).cast(pl.String).str.replace_all('"', '""', literal=True) + '"').alias(column)
                    for column, kind in written.schema.items()
                    if kind in (pl.String, pl.Categorical, pl.Enum, pl.Date, pl.Time)
                )
            if frame.width == 1:
                # CSV readers skip a blank line: a missing value that is alone in its row is quoted.
                written = written.select(pl.all().cast(pl.String).fill_null(missing))
            yield written.write_csv(include_header=False, quote_style="never" if typed else "necessary").encode()
    except pl.exceptions.PolarsError as exc:
        columns = [
            f"{column!r} ({kind})"
            for column, kind in frame.schema.items()
            if kind.is_nested() or kind in (pl.Binary, pl.Duration, pl.Object)
        ]
        raise InputError(
            f"{name} cannot be written as CSV ({str(exc).partition(chr(10))[0]}): convert its columns to text or "
            f"numbers{': ' * bool(columns)}{', '.join(columns)}"
        ) from exc
