"""A result as a table: pandas, Arrow. Number columns become doubles, all others stay text.

A rejected row has no prediction: it is missing in a number column, and an empty text in a text
column.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any

from tailrace.download.column_types import ColumnTypes
from tailrace_core.answers.shape import ColumnType
from tailrace_core.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

MISSING = ("", "NaN", "nan", "NAN", "-nan", "+nan", "-NaN", "+NaN")
"""Spellings of a missing number, as a container may write it."""


def extra_module(name: str, extra: str, purpose: str) -> Any:
    """Import a module that comes with an extra.

    Raises:
        InputError: it is not installed; the message names the extra.
    """
    try:
        return import_module(name)
    except ImportError as exc:
        raise InputError(f"{purpose} needs {name.partition('.')[0]}: install tailrace[{extra}]") from exc


def read_pandas(file: IO[bytes], columns: ColumnTypes, dtype: Mapping[str, Any] | None) -> pd.DataFrame:
    """Read a result; ``dtype`` gives other types for some of its columns."""
    pandas = extra_module("pandas", "pandas", "a DataFrame")
    kinds = {name: "float64" if kind is ColumnType.NUMBER else "str" for name, kind in columns.types.items()}
    frame: pd.DataFrame = pandas.read_csv(
        file,
        dtype={**kinds, **(dtype or {})},
        # A kept text such as NA is data. In a number column, an empty field is a missing number.
        keep_default_na=False,
        na_values={name: list(MISSING) for name in {*columns.numbers, *(dtype or {})}},
        skip_blank_lines=False,
        float_precision="round_trip",
        encoding="utf-8",
    )
    return frame


def read_arrow(file: IO[bytes], columns: ColumnTypes) -> pa.Table:
    """Read a result."""
    csv = extra_module("pyarrow.csv", "arrow", "an Arrow table")
    table: pa.Table = csv.read_csv(file, **arrow_options(columns, header=True))
    return table


def arrow_options(columns: ColumnTypes, *, header: bool) -> dict[str, Any]:
    """Return the options of pyarrow's CSV reader for a result with or without its header."""
    arrow = extra_module("pyarrow", "arrow", "an Arrow table")
    csv = extra_module("pyarrow.csv", "arrow", "an Arrow table")
    kinds = {ColumnType.NUMBER: arrow.float64(), ColumnType.TEXT: arrow.string()}
    return {
        "read_options": csv.ReadOptions(column_names=None if header else list(columns.types)),
        "parse_options": csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        "convert_options": csv.ConvertOptions(
            column_types={name: kinds[kind] for name, kind in columns.types.items()},
            null_values=list(MISSING),
            strings_can_be_null=False,
        ),
    }
