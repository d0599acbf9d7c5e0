"""Runs of neighbouring stripes: what belongs to one, and that one request reads it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Generator

from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.submission.options import SubmitOptions
from tailrace_core.submission.striping.manifest import SourceObject, Stripe, plan_stripes
from tailrace_core.submission.striping.reading import OpenRange, StripeReader, StripeStart
from tailrace_core.submission.striping.runs import (
    COUNTED_TOGETHER,
    CUT_TOGETHER,
    run_from_dict,
    run_to_json,
    runs_of_starts,
    runs_of_stripes,
    stretch_of_start,
)
from tailrace_core.submission.striping.stretch_reading import StretchReader, read_together
from tests.unit.core.submission.striping.cutting import BUCKET, MemoryObjects, starts

DATA = b"a,b\n" + b"".join(b"%03d,%03d\n" % (each, each) for each in range(40))
SOURCE = SourceObject(bucket=BUCKET, key="0", size_bytes=len(DATA))


class Requests:
    """An object in memory, and the requests for it."""

    def __init__(self, block_bytes: int = 7) -> None:
        self.made: list[tuple[str, int, int | None]] = []
        self._block_bytes = block_bytes

    def open(self, source: SourceObject, start: int, stop: int | None) -> Generator[bytes]:
        self.made.append((source.key, start, stop))
        yield from MemoryObjects({source.key: DATA}, self._block_bytes).open_range(source, start, stop)


def test_a_run_has_the_neighbouring_stripes_of_one_large_object_up_to_a_number() -> None:
    large = [SourceObject(bucket=BUCKET, key=key, size_bytes=95) for key in ("0", "3")]
    small = [SourceObject(bucket=BUCKET, key=key, size_bytes=4) for key in ("1", "2")]
    stripes = list(plan_stripes([large[0], *small, large[1]], 10))
    runs = list(runs_of_stripes(stripes))
    assert [len(run) for run in runs] == [COUNTED_TOGETHER, 2, 1, COUNTED_TOGETHER, 2]
    assert [stripe for run in runs for stripe in run] == stripes


def test_starts_of_compressed_objects_are_runs_of_their_own_and_plain_neighbours_are_not() -> None:
    objects = MemoryObjects({"0": DATA, "1": gzip.compress(DATA), "2": b"a,b\n1,2\n"})
    found = [start for start, _ in starts(objects, SubmitOptions(stripe_bytes=32))]
    runs = list(runs_of_starts(found))
    assert [start for run in runs for start in run] == found
    assert [len({each.source for start in run for each in start.ranges}) for run in runs] == [1] * len(runs)
    plain = sum(start.ranges[0].source.key == "0" for start in found)
    assert [len(run) for run in runs] == [CUT_TOGETHER, plain - CUT_TOGETHER, 1, 1]


def test_a_run_of_one_stripe_is_stored_as_the_stripe_and_one_of_several_as_it_was() -> None:
    stripes = list(plan_stripes([SOURCE], 100))
    assert json.loads(run_to_json(stripes[:1])) == stripes[0].to_dict()
    assert run_from_dict(json.loads(run_to_json(stripes[:1])), Stripe.from_dict) == stripes[:1]
    assert run_from_dict(json.loads(run_to_json(stripes)), Stripe.from_dict) == stripes


def test_one_request_reads_the_records_of_a_run() -> None:
    found = [start for start, _ in starts(MemoryObjects({"0": DATA}), SubmitOptions(stripe_bytes=60))][:CUT_TOGETHER]
    requests = Requests()
    with read_together(list(map(stretch_of_start, found)), requests.open) as open_range:
        assert [_records(each, open_range) for each in found] == [_records(each, Requests().open) for each in found]
    first, last = found[0].ranges[0], found[-1].ranges[0]
    assert requests.made == [(first.source.key, first.start, last.stop)]


@given(
    st.lists(st.tuples(st.integers(0, len(DATA) - 1), st.integers(1, len(DATA)), st.booleans()), max_size=6),
    st.integers(1, len(DATA)),
    st.integers(1, 64),
)
def test_whatever_is_asked_for_in_whatever_order_is_read(
    asked: list[tuple[int, int, bool]], stop: int, block_bytes: int
) -> None:
    reader = StretchReader(Requests(block_bytes).open, SOURCE, stop)
    for start, size, is_broken_off in asked:
        end = min(start + size, len(DATA))
        blocks = reader.open(SOURCE, start, end)
        if is_broken_off:
            assert DATA.startswith(next(blocks), start)
            blocks.close()
        else:
            assert b"".join(blocks) == DATA[start:end]
    reader.close()


def _records(start: StripeStart, open_range: OpenRange) -> bytes:
    return b"".join(StripeReader(start, open_range).blocks())
