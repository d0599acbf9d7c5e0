"""Groups of reasons: alike texts are one group, in bounded memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.download.rejects_summary.reasons import MAX_GROUPS, OTHER, ReasonCounter, ReasonGroup, normalize_reason


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("row 5 has 3 fields", "row 61 has 12 fields"),
        ("could not convert string to float: 'NA'", "could not convert string to float: 'abc 1'"),
        ('bad value "x"', 'bad value "y z"'),
        ("see https://a.example/1", "see https://b.example/2"),
        ("missing value 'NA' in column 'a'", "missing value 'NA' in column 'b'"),
    ],
)
def test_reasons_that_differ_in_values_are_one_group(one: str, other: str) -> None:
    assert normalize_reason(one) == normalize_reason(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Received client error (400) from model", "Received client error (422) from model"),
        ("the record is blank", "the record has a NUL"),
        ("missing value 'NA' in column 'a'", "missing value 'NULL' in column 'a'"),
        ("missing value '' in column 'a'", "missing value \"don't\" in column 'a'"),
    ],
)
def test_other_reasons_are_other_groups(one: str, other: str) -> None:
    assert normalize_reason(one) != normalize_reason(other)


def test_the_largest_groups_come_first_with_their_first_reason() -> None:
    counter = ReasonCounter()
    counter.add("seldom")
    counter.add("row 1 is short", 5)
    counter.add("row 2 is short", 6)
    counter.add("seldom")
    assert counter.most_frequent(3) == (ReasonGroup("row 1 is short", 11, varies=True), ReasonGroup("seldom", 2))


@given(st.lists(st.text(max_size=20), max_size=30))
def test_every_row_is_counted_once(reasons: list[str]) -> None:
    counter = ReasonCounter()
    for reason in reasons:
        counter.add(reason)
    assert sum(each.rows for each in counter.most_frequent(100)) == counter.rows == len(reasons)


def test_memory_is_bounded_whatever_the_reasons() -> None:
    counter = ReasonCounter()
    names = [
        f"{first}{second}{third}" for first in "abcdefghijkl" for second in "abcdefghijkl" for third in "abcdefghijkl"
    ]
    for name in names:
        counter.add(name)
    groups = counter.most_frequent(10**6)
    assert len(groups) == MAX_GROUPS + 1
    assert groups[0].reason == OTHER
    assert groups[0].rows == len(names) - MAX_GROUPS
