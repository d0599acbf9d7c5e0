"""Names of the input that a caller gives: paths, patterns, addresses and binary streams."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from tailrace.sources.streams import BinaryStream, check_stream
from tailrace_core.errors import InputError

Name = str | os.PathLike[str] | BinaryStream
Names = Name | Iterable[Name]

_TAKEN = "name files, patterns, s3:// addresses or binary streams"


def source_names(sources: Names) -> list[str | BinaryStream]:
    """Return the names one by one; a single name stands for a list of it.

    Raises:
        InputError: one of them is neither a path nor a binary stream; the message says what to give
            instead.
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


def _checked(source: Any, what: str) -> str | BinaryStream:
    if _is_frame(source):
        raise InputError(f"{what} is a {type(source).__name__}, which is not read directly: {_frame_remedy(source)}")
    if isinstance(source, (bytes, bytearray, memoryview)):
        raise InputError(f"{what} is bytes: name a file, or give the rows as a stream, io.BytesIO(...)")
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


def _frame_remedy(frame: object) -> str:
    if hasattr(type(frame), "to_csv"):
        return (
            'write it with frame.to_csv("rows.csv", index=False) and name that file, or give '
            "io.BytesIO(frame.to_csv(index=False).encode())"
        )
    if hasattr(type(frame), "write_csv"):
        return (
            'write it with frame.write_csv("rows.csv") and name that file, or give '
            "io.BytesIO(frame.write_csv().encode())"
        )
    if hasattr(type(frame), "sink_csv"):
        return 'write it with frame.sink_csv("rows.csv") and name that file'
    return 'write it as CSV, for instance with pyarrow.csv.write_csv(table, "rows.csv"), and name that file'
