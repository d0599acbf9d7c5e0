"""Objects of S3 that a client reads itself are cut where functions would cut them."""

from __future__ import annotations

import gzip
import io
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.sources.origins import S3Objects
from tailrace.sources.source import Source
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.csv_text.records import split_records
from tailrace_core.errors import InputError
from tailrace_core.submission.options import SubmitOptions
from tailrace_core.submission.planning import ChunkPlan, planner_for
from tests.unit.csv_texts import Table, tables
from tests.unit.producer.sources.test_containers import Bucket

_BOM = b"\xef\xbb\xbf"


def stripes_of(objects: list[bytes], stripe_bytes: int, header_bytes: list[int]) -> list[tuple[object, ...]]:
    """Return for each record of the input the stripe that it belongs to, by the rule's own words."""
    found: list[tuple[object, ...]] = []
    shared = size = 0
    for number, stored in enumerate(objects):
        is_large = len(stored) > stripe_bytes
        if is_large or size + len(stored) > stripe_bytes:
            shared, size = shared + 1, 0
        size = 0 if is_large else size + len(stored)
        is_packed = stored.startswith(b"\x1f\x8b")
        data = gzip.decompress(stored) if is_packed else stored
        at = header_bytes[number]
        for record in split_records(data[at:]):
            within = 0 if is_packed or not is_large else at // stripe_bytes
            found.append((number if is_large else -1, shared, within))
            at += len(record)
    return found


@given(
    st.lists(st.tuples(tables(min_rows=1), st.sampled_from(["plain", "bom", "gzip"])), min_size=1, max_size=4),
    st.integers(1, 80),
    st.integers(1, 4),
    st.sampled_from([HeaderPolicy.STRIP, HeaderPolicy.NONE]),
)
def test_a_chunk_is_what_fits_of_the_records_that_start_in_one_stripe(
    files: list[tuple[Table, str]], stripe_bytes: int, chunk_rows: int, header: HeaderPolicy
) -> None:
    width = len(files[0][0].rows[0])
    names = b",".join(b"c%d" % number for number in range(width)) + b"\n"
    begins = names if header is HeaderPolicy.STRIP else b""
    objects, offsets = [], []
    for table, packing in files:
        mark = _BOM if packing == "bom" else b""
        data = mark + begins + (table.data if table.data.endswith(b"\n") else table.data + b"\n")
        objects.append(gzip.compress(data) if packing == "gzip" else data)
        offsets.append(len(mark) + len(begins))
    bucket = Bucket({f"p/{number}": stored for number, stored in enumerate(objects)})
    options = SubmitOptions(header=header, chunk_rows=chunk_rows, stripe_bytes=stripe_bytes)
    with Source.open(["s3://b/p/"], header=header, s3=S3Objects(bucket)) as source:
        planner = planner_for(source.columns, source.header, options, endpoint_name="m", by_stripes=source.lies_in_s3)
        boundaries = source.boundaries(planner.settings.stripe_bytes)
        plan = planner.plan(source.blocks(), source.describe_position, boundaries=boundaries)
        rows = [each.range.rows for each in plan if isinstance(each, ChunkPlan)]
    expected = []
    for _, group in groupby(stripes_of(objects, stripe_bytes, offsets)):
        left = len(list(group))
        expected += [chunk_rows] * (left // chunk_rows) + [left % chunk_rows] * bool(left % chunk_rows)
    assert rows == expected


def test_only_objects_are_cut_by_stripes_and_only_inputs_with_a_size_again() -> None:
    bucket = Bucket({"k": b"id\n1\n2\n"})
    with Source.open(["s3://b/k", __file__], header=HeaderPolicy.NONE, s3=S3Objects(bucket)) as source:
        assert not source.lies_in_s3
        assert not source.boundaries(0)
    with Source.open(["s3://b/k"], header=HeaderPolicy.STRIP, s3=S3Objects(bucket)) as source:
        assert source.lies_in_s3
    with (
        Source.open(["-"], header=HeaderPolicy.STRIP, stdin=io.BytesIO(b"id\n1\n")) as source,
        pytest.raises(InputError, match="name those objects or files"),
    ):
        source.boundaries(5)
