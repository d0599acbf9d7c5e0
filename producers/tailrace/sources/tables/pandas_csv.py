"""A pandas DataFrame as records of CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from tailrace_core.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


def column_names(frame: pd.DataFrame) -> list[str]:
    """Return the names of the columns, as text.

    Raises:
        InputError: they have several levels.
    """
    if frame.columns.nlevels > 1:
        raise InputError("the DataFrame's columns have several levels: join the names of each into one")
    return [str(name) for name in frame.columns]


def records(frame: pd.DataFrame, rows: int) -> Iterator[bytes]:
    """Yield the records of so many rows at a time."""
    for first in range(0, len(frame), rows):
        batch = frame.iloc[first : first + rows]
        times = [index for index, kind in enumerate(batch.dtypes) if _has_time(kind)]
        if times:
            batch = batch.copy(deep=False)
            for index in times:
                batch.isetitem(index, _iso(batch.iloc[:, index]))
        text = batch.to_csv(index=False, header=False, lineterminator="\n").encode()
        if b"\r" in text:
            # Python's csv module before 3.13 does not quote a lone carriage return.
            text = batch.to_csv(index=False, header=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC).encode()
        yield text


def typed_records(frame: pd.DataFrame, rows: int) -> Iterator[bytes]:
    """Yield the records of so many rows at a time, with quotes that tell text from numbers."""
    for first in range(0, len(frame), rows):
        batch = frame.iloc[first : first + rows]
        columns = [_typed_fields(batch.iloc[:, index]) for index in range(batch.shape[1])]
        if len(columns) == 1:
            # CSV readers skip a blank line: a missing value that is alone in its row is quoted.
            columns = [[field or '""' for field in columns[0]]]
        yield "".join(map("{}\n".format, map(",".join, zip(*columns, strict=True)))).encode()


def _typed_fields(column: pd.Series[Any]) -> list[str]:
    kind = column.dtype
    if _has_time(kind):
        return ["" if text is None else f'"{text}"' for text in _iso(column)]
    if kind.kind == "f":
        # As Python numbers, those of 32 bits would have digits that they do not hold.
        numbers = column.to_numpy(dtype=f"f{kind.itemsize}", na_value=np.nan).astype(str)
        return ["" if text == "nan" else text for text in numbers.tolist()]
    missing = column.isna().to_numpy(dtype=bool).tolist()
    return ["" if gone else _typed_field(value) for value, gone in zip(column.tolist(), missing, strict=True)]


def _typed_field(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    text = str(value)
    if isinstance(value, (int, float, Decimal, np.integer, np.floating)):
        return text
    return '"' + text.replace('"', '""') + '"'


def _has_time(kind: Any) -> bool:
    # Dates of Arrow have the same kind.
    return bool(kind.kind == "M") and not str(kind).startswith(("date32", "date64"))


def _iso(times: pd.Series[Any]) -> np.ndarray[Any, Any]:
    # pandas leaves out the time of a batch whose times are all midnight; a batch is no such unit.
    zoned = times.dt.tz is not None
    naive = times.dt.tz_convert("UTC").dt.tz_localize(None) if zoned else times
    values = naive.to_numpy(dtype=f"datetime64[{times.dt.unit}]", na_value=np.datetime64("NaT"))
    text: np.ndarray[Any, Any] = np.datetime_as_string(values).astype(object)
    if zoned:
        text += "Z"
    text[np.isnat(values)] = None
    return text
