"""The chunks of JSON Lines cut by stripes are those of one reader, byte for byte."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.sources.record_source import open_records
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.jobs.settings import SourceFormat
from tailrace_core.submission.options import SubmitOptions
from tailrace_core.submission.planning import Planner, planner_for, planner_of
from tailrace_core.submission.striping.counting import StripeCounting
from tailrace_core.submission.striping.manifest import plan_stripes
from tailrace_core.submission.striping.records import StripeRecords
from tailrace_core.submission.striping.summing import Summing
from tests.unit.core.submission.striping.cutting import COMPRESSIONS, Cut, MemoryObjects, count, growing

_FIRST = b'{"a": 1, "b": "x"}'
_LINES = st.sampled_from(
    [
        b'{"a": 2, "b": "y"}',
        b'{"b":",\\"","a":-0.10e5}',
        b'{"a":[1, "\\n"],"b":null}\r',
        b'{"a": "\xc3\xa9 \\u00e9, \\n"}',
        b'{"c": 1}',
        b'{"a": "',
        b'"',
        b"",
        b" \t\r",
        b"\xff",
        b'{"a":"' + b'"' * 40,
    ]
)


@st.composite
def _objects(draw: st.DrawFn) -> MemoryObjects:
    found: dict[str, bytes] = {}
    for number in range(draw(st.integers(1, 4))):
        lines = [_FIRST] * (number == 0) + draw(st.lists(_LINES, max_size=8))
        data = b"\n".join(lines) + draw(st.sampled_from([b"", b"\n"]))
        mark = b"\xef\xbb\xbf" if draw(st.integers(0, 5)) == 0 else b""
        compress = COMPRESSIONS[draw(st.sampled_from(["plain", "plain", "plain", *COMPRESSIONS]))]
        found[f"in/{number}"] = compress(mark + (data or b" "))
    return MemoryObjects(found, block_bytes=draw(st.sampled_from([1, 2, 7, 64, 1000])))


def _by_one(objects: MemoryObjects, options: SubmitOptions) -> tuple[Cut, Planner]:
    cut = Cut()
    names = [each.name for each in objects.sources]
    with open_records(names, header=options.header, s3=objects.open) as source:
        planner = planner_for(
            source.columns,
            source.header,
            options,
            endpoint_name="e",
            by_stripes=True,
            source_format=source.source_format,
        )
        blocks, boundaries = source.blocks(), source.boundaries(options.stripe_bytes)
        cut.take(planner.plan(blocks, source.describe_position, source.known_rejects, boundaries=boundaries))
    return cut, planner


def _by_stripes(objects: MemoryObjects, planner: Planner, blocks_at_a_time: int) -> Cut:
    cut, settings = Cut(), planner.settings
    assert settings.source_format is SourceFormat.JSONL
    counting = StripeCounting(
        policy=settings.header,
        header=None,
        columns=settings.source_columns,
        open_range=objects.open_range,
        is_time_up=growing(blocks_at_a_time),
        is_lines=True,
    )
    summing = Summing(header=None, open_range=objects.open_range)
    found = []
    for stripe in plan_stripes(objects.sources, settings.stripe_bytes):
        found += list(summing.add(stripe, count(counting, stripe)))
    for start in (*found, summing.finish()):
        records = StripeRecords(start, settings, objects.open_range)
        again = planner_of(settings, None, planner.on_bad_row)
        cut.take(again.plan(records.blocks(), lambda _: "", records.known_rejects, first_row=start.first_row))
        assert cut.rows_total == start.first_row + start.rows
    return cut


@given(
    objects=_objects(),
    stripe_bytes=st.integers(1, 64) | st.integers(60, 400),
    policy=st.sampled_from([HeaderPolicy.STRIP, HeaderPolicy.REPEAT]),
    chunk_rows=st.integers(1, 6),
    chunk_bytes=st.integers(12, 60),
    blocks_at_a_time=st.integers(1, 9) | st.just(10**9),
)
def test_stripes_of_any_size_give_the_chunks_of_one_reader(
    objects: MemoryObjects,
    stripe_bytes: int,
    policy: HeaderPolicy,
    chunk_rows: int,
    chunk_bytes: int,
    blocks_at_a_time: int,
) -> None:
    options = SubmitOptions(header=policy, stripe_bytes=stripe_bytes, chunk_rows=chunk_rows, chunk_bytes=chunk_bytes)
    expected, planner = _by_one(objects, options)
    assert _by_stripes(objects, planner, blocks_at_a_time) == expected


@pytest.mark.parametrize("stripe_bytes", range(1, 65))
def test_the_borders_of_stripes_may_fall_anywhere(stripe_bytes: int) -> None:
    lines = _FIRST + b'\r\n{"b": "\\"\\n,", "a": null}\n\n{"a": 3}\n{"c": "' + b'"' * 30 + b"\n" + b'{"a":[1,2]}'
    objects = MemoryObjects({"a": lines, "b": b" ", "c": gzip.compress(lines)})
    expected, planner = _by_one(objects, SubmitOptions(stripe_bytes=stripe_bytes, chunk_rows=3))
    assert expected.rows_total == 5 + 5
    assert [each.row for chunk in expected.chunks for each in chunk.rejected] == [3, 8]
    assert _by_stripes(objects, planner, 10**9) == expected


@given(objects=_objects(), stripe_bytes=st.integers(1, 64), skip_bytes=st.integers(0, 200))
def test_a_stripe_may_be_read_from_any_record_of_it(objects: MemoryObjects, stripe_bytes: int, skip_bytes: int) -> None:
    _, planner = _by_one(objects, SubmitOptions(stripe_bytes=stripe_bytes))
    summing = Summing(header=None, open_range=objects.open_range)
    counting = StripeCounting(
        policy=HeaderPolicy.STRIP, header=None, columns=(), open_range=objects.open_range, is_lines=True
    )
    for stripe in plan_stripes(objects.sources, stripe_bytes):
        for start in summing.add(stripe, count(counting, stripe)):
            records = [StripeRecords(start, planner.settings, objects.open_range) for _ in range(2)]
            assert b"".join(records[0].blocks(skip_bytes)) == b"".join(records[1].blocks())[skip_bytes:]
