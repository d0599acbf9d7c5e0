from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tailrace.sources.names import source_names
from tailrace.sources.source import Source
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.errors import InputError

_TEXT = b"a,b\n1,2\n"


class PandasLike:
    read = "a column of that name"

    def to_csv(self) -> str:
        return ""


class ArrowLike:
    def __arrow_c_stream__(self) -> None: ...


class Reading:
    """A stream whose ``read`` returns what it is given."""

    def __init__(self, *blocks: Any) -> None:
        self._blocks = list(blocks)

    def read(self, _: int, /) -> Any:
        return self._blocks.pop(0) if self._blocks else b""


class AsyncReading:
    async def read(self, _: int, /) -> bytes:
        return b""


def _data(sources: Any) -> bytes:
    with Source.open(source_names(sources), header=HeaderPolicy.STRIP) as source:
        return b"".join(source.blocks())


def _streams(path: Path) -> Iterator[Any]:
    path.write_bytes(_TEXT)
    yield io.BytesIO(_TEXT)
    yield path.open("rb")
    yield path.open("rb", buffering=0)
    yield Reading(_TEXT)
    yield Reading(bytearray(_TEXT[:3]), memoryview(_TEXT[3:]))


def test_binary_streams_of_every_kind_are_read_and_stay_open(tmp_path: Path) -> None:
    for stream in _streams(tmp_path / "a.csv"):
        assert _data(stream) == b"1,2\n"
        assert not getattr(stream, "closed", False)
        getattr(stream, "close", lambda: None)()


def test_streams_and_paths_make_one_input_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n3,4\n")
    assert _data(each for each in (io.BytesIO(_TEXT), path, str(path), Reading(b"a,b\n5,6"))) == b"1,2\n3,4\n3,4\n5,6"


def test_a_stream_is_read_from_where_it_stands() -> None:
    stream = io.BytesIO(b"preamble\n" + _TEXT)
    stream.readline()
    assert _data(stream) == b"1,2\n"


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (io.StringIO("a\n1\n"), r"the source is a text stream \(StringIO\): give io.BytesIO"),
        ([io.BytesIO(_TEXT), io.TextIOWrapper(io.BytesIO(_TEXT))], 'source 2 is a text stream: .*"rb"'),
        (Reading("a\n1\n"), "is a text stream"),
        (Reading(None), "no bytes at the moment"),
        (Reading(7), "returns int where bytes are expected"),
        (AsyncReading(), "asynchronous stream"),
        (PandasLike(), r'source.to_csv\("rows.csv", index=False\)'),
        ([PandasLike()], "source 1 is a PandasLike"),
        (ArrowLike(), "RecordBatchReader.from_stream"),
        ([b"a.csv"], r"source 1 \(bytes\) holds a header only"),
        ([["a", "b"], [1, 2]], "source 1 is a list: name files, patterns"),
        ((row for row in [("a", "b")]), "source 1 is a tuple"),
        (None, "the source is a NoneType"),
        ({"a.csv", "b.csv"}, "a set, which has no order"),
        ({"a": [1]}, "a dict, which has no order"),
        ([], "no input is named"),
        (io.BytesIO(), "is empty"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_to_give_instead(sources: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        _data(sources)


def test_a_stream_at_its_end_says_to_seek_back() -> None:
    stream = io.BytesIO()
    stream.write(_TEXT)
    with pytest.raises(InputError, match=r"the BytesIO stands at its end, byte 8: seek back"):
        _data(stream)


def test_a_closed_or_writing_stream_is_refused(tmp_path: Path) -> None:
    closed = io.BytesIO(_TEXT)
    closed.close()
    with pytest.raises(InputError, match="closed stream"):
        _data(closed)
    with (tmp_path / "out").open("wb") as writing, pytest.raises(InputError, match="not open for reading"):
        _data(writing)
