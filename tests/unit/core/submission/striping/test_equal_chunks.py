"""The chunks of objects cut by stripes are those of one reader, byte for byte."""

from __future__ import annotations

import gzip
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tailrace_core.csv_text.framing import MAX_RECORD_BYTES
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.errors import InputError
from tailrace_core.jobs.settings import RequestFormat
from tailrace_core.submission.options import SubmitOptions
from tailrace_core.submission.striping.reading import StripeReader
from tests.unit.core.submission.striping.cutting import (
    COMPRESSIONS,
    MemoryObjects,
    cut_by_stripes,
    read_by_one,
    starts,
)
from tests.unit.csv_texts import soup, tables

_HEADERS = st.sampled_from([b"a,b\n", b'"a",b\r\n', b"a,b\r\n", b'"a","b"\n'])
_OTHERS = st.sampled_from([b"a,c\n", b"", b"a,b", b'"a\nx",b\n', b'"a'])


@st.composite
def _objects(draw: st.DrawFn) -> MemoryObjects:
    """A few objects, mostly with the same header."""
    found: dict[str, bytes] = {}
    # A header with a newline in it may lie in several stripes.
    headers = st.just(b'"a\n,",b\n') if draw(st.integers(0, 5)) == 0 else _HEADERS
    for number in range(draw(st.integers(1, 4))):
        header = draw(headers if draw(st.integers(0, 15)) else _OTHERS)
        body = draw(soup() | tables(max_columns=2).map(lambda table: table.data))
        mark = b"\xef\xbb\xbf" if draw(st.integers(0, 5)) == 0 else b""
        compress = COMPRESSIONS[draw(st.sampled_from(["plain", "plain", "plain", *COMPRESSIONS]))]
        found[f"in/{number}"] = compress(mark + header + body)
    return MemoryObjects(found, block_bytes=draw(st.sampled_from([1, 2, 7, 64, 1000])))


@given(
    objects=_objects(),
    stripe_bytes=st.integers(1, 64) | st.integers(60, 400),
    policy=st.sampled_from(HeaderPolicy),
    chunk_rows=st.integers(1, 6),
    chunk_bytes=st.integers(12, 60),
    blocks_at_a_time=st.integers(1, 9) | st.just(10**9),
    is_json=st.booleans(),
)
def test_stripes_of_any_size_give_the_chunks_and_the_errors_of_one_reader(
    objects: MemoryObjects,
    stripe_bytes: int,
    policy: HeaderPolicy,
    chunk_rows: int,
    chunk_bytes: int,
    blocks_at_a_time: int,
    is_json: bool,  # noqa: FBT001 - hypothesis passes it by name
) -> None:
    options = SubmitOptions(header=policy, stripe_bytes=stripe_bytes, chunk_rows=chunk_rows, chunk_bytes=chunk_bytes)
    if is_json and policy is not HeaderPolicy.REPEAT:
        options = replace(options, request=RequestFormat.JSON, chunk_bytes=chunk_bytes + 30)
    found = cut_by_stripes(objects, options, blocks_at_a_time=blocks_at_a_time)
    # The starter of a job checks the chunks' size by the first object, before it lists the others.
    assume(found.error is None or not found.error.startswith("chunk_bytes is"))
    assert found == read_by_one(objects, options)


_LONG = MAX_RECORD_BYTES // 64
"""Rows of 64 bytes that are longer than a record may be, less one."""


@pytest.mark.parametrize("stripe_mib", [1, 7, 40])
@pytest.mark.parametrize(
    "endless",
    [
        pytest.param(b'5,"' + (b"6" * 63 + b"\n") * _LONG + b'",7\n', id="lines within quotes"),
        pytest.param(b"5," + b"6" * MAX_RECORD_BYTES + b"\n", id="one line"),
        pytest.param(b'5,"' + (b"6" * 63 + b"\n") * _LONG, id="a quote that nothing closes"),
        pytest.param(b"5," + b"6" * (MAX_RECORD_BYTES - 2), id="the longest that there may be"),
    ],
)
def test_a_record_over_the_limit_is_refused_with_the_words_of_one_reader(endless: bytes, stripe_mib: int) -> None:
    objects = MemoryObjects({"a": b"a,b\n1,2\n", "b": b"a,b\n3,4\n" + endless, "c": b"a,b\n8,9\n"})
    options = SubmitOptions(stripe_bytes=stripe_mib * 1024 * 1024)
    expected = read_by_one(objects, options)
    assert expected.error is None or "row 2 (at byte 8 of s3://data/b) is longer than" in expected.error
    assert cut_by_stripes(objects, options) == expected


@pytest.mark.parametrize(("position", "extra"), [(0, 1), (1, 0), (1, 600_000)])
def test_a_header_over_the_limit_is_refused_wherever_blocks_end(position: int, extra: int) -> None:
    header = b"a," + b"b" * (MAX_RECORD_BYTES - 3 + extra) + b"\n"
    found = [b"a,b\n1,2\n", b"a,b\n3,4\n"]
    found[position] = header + b"5,6\n"
    objects = MemoryObjects({"a": found[0], "b": found[1]})
    expected = read_by_one(objects, SubmitOptions())
    words = "the first record of s3://data/" if extra else "the header of s3://data/b is not that of s3://data/a"
    assert (expected.error or "").startswith(words)
    assert cut_by_stripes(objects, SubmitOptions()) == expected


@pytest.mark.parametrize("stripe_bytes", range(1, 65))
def test_the_borders_of_stripes_may_fall_anywhere(stripe_bytes: int) -> None:
    data = b'a,b\r\n1,"x\n""y"",\r\n"\r\n2,"a ""b"", c"\r\n3,5" pipe\r\n\r\n"4\n\n",5\n6,"' + b"7\n" * 40 + b'"\n8,9'
    objects = MemoryObjects({"a": data, "b": b"a,b\r\n", "c": data, "d": gzip.compress(data)})
    options = SubmitOptions(stripe_bytes=stripe_bytes, chunk_rows=3)
    found = cut_by_stripes(objects, options)
    assert found == read_by_one(objects, options)
    assert found.rows_total == 3 * 7


def test_nothing_but_the_bytes_of_a_stripe_and_a_few_around_it_is_read_to_count_it() -> None:
    data = b"a,b\n" + b"1,2\n" * 2_000_000
    objects = MemoryObjects({"a": data})
    cut_by_stripes(objects, SubmitOptions(stripe_bytes=1024 * 1024, chunk_rows=10**6, chunk_bytes=10**6))
    assert objects.read_bytes < 2.2 * len(data)


@given(objects=_objects(), stripe_bytes=st.integers(1, 64), skip_bytes=st.integers(0, 200))
def test_a_stripe_may_be_read_from_any_byte_of_it(objects: MemoryObjects, stripe_bytes: int, skip_bytes: int) -> None:
    options = SubmitOptions(header=HeaderPolicy.NONE, stripe_bytes=stripe_bytes)
    try:
        found = starts(objects, options)
    except InputError:
        assume(False)  # noqa: FBT003 - hypothesis' own way
    for start, _ in found:
        whole = b"".join(StripeReader(start, objects.open_range).blocks())
        reader = StripeReader(start, objects.open_range)
        assert b"".join(reader.blocks(skip_bytes)) == whole[skip_bytes:]
        assert reader.describe_position(0) == StripeReader(start, objects.open_range).describe_position(0)


@pytest.mark.parametrize("block_bytes", [1, 4, 8, 100])
@pytest.mark.parametrize("last", [True, False])
def test_the_quote_that_nothing_closes_is_named_wherever_blocks_end(block_bytes: int, last: bool) -> None:  # noqa: FBT001 - a case
    data = b'a,b\n1,2\n"3,\n4\n'
    objects = MemoryObjects({"a": data} if last else {"a": data, "b": b"a,b\n5,6\n"}, block_bytes)
    expected = read_by_one(objects, SubmitOptions(stripe_bytes=5))
    assert "at byte 8" in (expected.error or "")
    assert cut_by_stripes(objects, SubmitOptions(stripe_bytes=5)) == expected
