"""The split budget grows with the rows, however they are cut."""

from __future__ import annotations

from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.csv_text.rejects import NOT_ISOLATED
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.jobs.split_budget import BASE_SPLITS, ROWS_PER_SPLIT, not_isolated_reason, split_grant


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=20), st.integers(1, 100))
def test_the_grants_of_chunks_add_up_to_that_of_the_job(sizes: list[int], rows_per_split: int) -> None:
    starts = [sum(sizes[:index]) for index in range(len(sizes))]
    ranges = [RowRange(first_row, rows) for first_row, rows in zip(starts, sizes, strict=True)]
    assert sum(split_grant(each, rows_per_split) for each in ranges) == sum(sizes) // rows_per_split


def test_a_fixed_budget_does_not_grow() -> None:
    assert split_grant(RowRange(0, 10**6), 0) == 0


@pytest.mark.parametrize(("rows", "bad"), [(10_000, 10_000), (336_776, 9_430), (10**6, 40_000), (10**8, 4 * 10**6)])
def test_the_default_isolates_every_row_of_a_small_job_and_four_per_cent_of_a_large_one(rows: int, bad: int) -> None:
    needed = min(rows - 1, bad * (log2(rows / bad) + 1.5))
    assert needed <= BASE_SPLITS + split_grant(RowRange(0, rows), ROWS_PER_SPLIT)


def test_the_reason_says_that_no_row_was_tried() -> None:
    reason = not_isolated_reason(57, "ClientError: 400")
    assert reason.startswith(f"{NOT_ISOLATED}: ")
    assert "57 rows" in reason
    assert reason.endswith("ClientError: 400")
