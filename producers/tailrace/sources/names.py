"""Names of the input that a caller gives: paths, patterns, addresses and binary streams."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from tailrace.sources.block_reader import BlockReader
from tailrace.sources.origins import Origin
from tailrace.sources.streams import BinaryStream, check_stream
from tailrace.sources.tables.recognition import table_text
from tailrace_core.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    Table: TypeAlias = "pd.DataFrame | pl.DataFrame | pa.Table | pa.RecordBatch | pa.RecordBatchReader"

Name: TypeAlias = "str | os.PathLike[str] | BinaryStream | bytes | bytearray | memoryview | Table"
Names: TypeAlias = "Name | Iterable[Name]"

_TAKEN = "name files, patterns, s3:// addresses or binary streams, or give bytes or a table"


def source_names(sources: Names) -> list[str | BinaryStream | Origin]:
    """Return the names one by one; a single name stands for a list of it.

    Raises:
        InputError: one of them is no path, binary stream, bytes or table; the message says what
            to give instead.
    """
    if _is_single(sources):
        return [_checked(sources, "the source")]
    if isinstance(sources, (set, frozenset, Mapping)):
        raise InputError(f"the sources are a {type(sources).__name__}, which has no order of rows: give a list")
    if not isinstance(sources, Iterable):
        raise InputError(f"the source is a {type(sources).__name__}: {_TAKEN}")
    # Checked as they come: rows given by mistake may be many.
    return [_checked(each, f"source {number}") for number, each in enumerate(sources, start=1)]


def _is_single(sources: object) -> bool:
    return isinstance(sources, (str, bytes, bytearray, memoryview, os.PathLike)) or _is_stream(sources)


def _is_stream(source: object) -> bool:
    return _is_frame(source) or hasattr(source, "read")


def _is_frame(source: object) -> bool:
    return any(hasattr(type(source), name) for name in ("to_csv", "write_csv", "sink_csv", "__arrow_c_stream__"))


def _checked(source: Any, what: str) -> str | BinaryStream | Origin:
    if _is_frame(source):
        return _table(source, what)
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
        return Origin(f"{what} (bytes)", lambda: io.BytesIO(data), len(data), reopenable=True)
    if isinstance(source, (str, os.PathLike)):
        name = os.fspath(source)
        if isinstance(name, str):
            return name
        raise InputError(f"{what} is a path of bytes: give it as text, os.fsdecode(...)")
    if not hasattr(source, "read"):
        raise InputError(f"{what} is a {type(source).__name__}: {_TAKEN}")
    check_stream(source, what)
    stream: BinaryStream = source
    return stream


def _table(source: Any, what: str) -> Origin:
    text = table_text(source)
    if text is None:
        raise InputError(f"{what} is a {type(source).__name__}, which is not read directly: {_remedy(source)}")
    blocks = text.blocks
    return Origin(
        text.name,
        lambda: BlockReader(blocks()),
        None,
        reopenable=text.rereadable,
        is_table=True,
        open_typed=lambda: BlockReader(blocks(typed=True)),
    )


def _remedy(source: object) -> str:
    if hasattr(type(source), "collect"):
        return "give source.collect()"
    if hasattr(type(source), "to_frame"):
        return "give source.to_frame()"
    if hasattr(type(source), "__arrow_c_stream__"):
        return "give pyarrow.RecordBatchReader.from_stream(source)"
    return 'write it as CSV, for instance with source.to_csv("rows.csv", index=False), and name that file'
