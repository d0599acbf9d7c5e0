"""A chunk takes as many calls in a big job as in a small one."""

from __future__ import annotations

from itertools import pairwise

from tests.contract.costs.calls import HEADER, line
from tests.contract.costs.metering import Counted, counted
from tests.infra.templates import ROOT

PAGE = ROOT / "docs/performance.md"
WIDE, NARROW = 300, 16
"""A job beyond a small window behaves like a job of thousands beyond the usual one."""


def per_chunk(few: Counted, many: Counted) -> float:
    """Return the calls of one more chunk."""
    return (many.each * many.chunks - few.each * few.chunks) / (many.chunks - few.chunks)


def test_a_chunk_of_a_big_job_takes_no_more_calls_than_one_of_a_small_job() -> None:
    assert counted(WIDE).each <= 1.05 * counted(10).each


def test_no_call_grows_faster_than_the_chunks() -> None:
    jobs = [counted(chunks, NARROW).calls for chunks in (100, 200, 300)]
    more, again = ({call: after[call] - before[call] for call in after} for before, after in pairwise(jobs))
    # A claim that is begun counts as a whole one.
    assert {call: (more[call], again[call]) for call in again if again[call] > more[call] + 1} == {}


def test_a_chunk_that_waits_takes_little_more_than_one_that_does_not() -> None:
    without = per_chunk(counted(100, 0), counted(WIDE, 0))
    assert per_chunk(counted(100, 80), counted(WIDE, 80)) <= 1.03 * without


def test_a_job_that_fits_its_window_makes_the_calls_of_one_without() -> None:
    assert counted(NARROW, NARROW).calls == counted(NARROW, 0).calls


def test_the_page_has_what_is_counted() -> None:
    text = PAGE.read_text()
    assert HEADER in text
    for chunks in (10, 100):
        assert line(chunks) in text
