"""A pandas DataFrame as records of CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterator
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
        times = [index for index, kind in enumerate(batch.dtypes) if kind.kind == "M"]
        if times:
            batch = batch.copy(deep=False)
            for index in times:
                batch.isetitem(index, _iso(batch.iloc[:, index]))
        text = batch.to_csv(index=False, header=False, lineterminator="\n").encode()
        if b"\r" in text:
            # Python's csv module before 3.13 does not quote a lone carriage return.
            text = batch.to_csv(index=False, header=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC).encode()
        yield text


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
