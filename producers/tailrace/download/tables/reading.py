"""A result as a DataFrame or an Arrow table. Number columns become doubles, all others stay text.

A rejected row has no prediction: it is missing in a number column, and an empty text in a text
column.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any

from tailrace.download.tables.arrow_tables import ArrowTables
from tailrace.download.tables.column_types import ColumnTypes
from tailrace.download.tables.extras import extra_module
from tailrace_core.csv_text.headers import header_line

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_READ_BYTES = 8 * 1024 * 1024


def read_pandas(file: IO[bytes], columns: ColumnTypes, dtype: Mapping[str, Any] | None) -> pd.DataFrame:
    """Read a result; ``dtype`` gives other types for some of its columns."""
    pandas = extra_module("pandas", "pandas", "a DataFrame")
    others = dtype or {}
    frame: pd.DataFrame = pandas.read_csv(
        file,
        dtype={**dict.fromkeys(columns.types, "str"), **others},
        # A text such as NA is data.
        keep_default_na=False,
        na_values={name: [""] for name in others},
        skip_blank_lines=False,
        encoding="utf-8",
    )
    # Python's own conversion is exact in every version of pandas, and takes what the pipeline took.
    return frame.assign(
        **{
            name: pandas.array([float(each) if each else math.nan for each in frame[name]], dtype="float64")
            for name in columns.numbers
            if name not in others
        }
    )


def read_arrow(file: IO[bytes], columns: ColumnTypes) -> pa.Table:
    """Read a result."""
    tables = ArrowTables(columns)
    arrow = extra_module("pyarrow", "arrow", "an Arrow table")
    found: list[pa.Table] = []
    file.read(len(header_line(tuple(columns.types))))
    while data := file.read(_READ_BYTES):
        found += tables.feed(data)
    table: pa.Table = arrow.concat_tables([tables.schema.empty_table(), *found, *tables.rest()])
    return table
