"""Values for ``--na``: only what rejected rows share and no scored row holds."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.download.rejects_summary.missing_values import MissingValues, find_missing_values
from tailrace_core.csv_text.headers import parse_names

GOOD = [{"1.5", f"row{number}"} for number in range(40)]


def bad(token: str, count: int) -> list[set[str]]:
    return [{"1.5", f"bad{number}", token} for number in range(count)]


def test_a_value_of_the_rejected_rows_alone_is_found() -> None:
    found = find_missing_values(bad("NA", 16), GOOD)
    assert found == MissingValues(("NA",), rejected_rows=16, explained_rows=16, scored_rows=40)
    assert found.option == "--na NA"


def test_several_values_are_found_and_an_empty_one_is_named_last() -> None:
    found = find_missing_values([*bad("NA", 8), *bad("", 4), *bad("NULL", 3)], GOOD)
    assert found is not None
    assert set(found.tokens) == {"NA", "", "NULL"}
    assert found.option == "--na NULL,NA,"


def test_an_empty_value_alone_can_be_written_in_a_shell() -> None:
    found = find_missing_values(bad("", 4), GOOD)
    assert found is not None
    assert found.option == "--na ,"


def test_a_shell_reads_the_option_as_it_is_meant() -> None:
    found = find_missing_values([*bad("#N/A", 4), *bad("no value", 4), *bad("", 4)], GOOD)
    assert found is not None
    _, value = shlex.split(found.option)
    assert set(parse_names(value)) == {"#N/A", "no value", ""} == set(found.tokens)


def test_a_value_that_a_scored_row_holds_is_no_reason() -> None:
    assert find_missing_values(bad("NA", 16), [*GOOD, {"NA"}]) is None


@pytest.mark.parametrize("token", ["0", "-999", "1e3"])
def test_a_number_is_no_missing_value(token: str) -> None:
    assert find_missing_values(bad(token, 16), GOOD) is None


def test_two_rows_are_no_evidence() -> None:
    assert find_missing_values(bad("NA", 2), GOOD) is None


def test_a_value_that_explains_a_minority_of_the_rows_is_not_offered() -> None:
    assert find_missing_values([*bad("NA", 4), *({f"x{number}"} for number in range(12))], GOOD) is None


def test_without_scored_rows_only_usual_spellings_are_offered_and_nothing_is_claimed() -> None:
    found = find_missing_values(bad("NA", 4), [])
    assert found is not None
    assert found.scored_rows == 0
    assert find_missing_values(bad("London", 4), []) is None
    assert find_missing_values(bad("London", 4), GOOD) is not None


def test_a_usual_spelling_is_named_though_a_single_row_has_it() -> None:
    others = [{"NULL", "other"}, {"", "another"}, {"London", "the last"}]
    found = find_missing_values([*bad("NA", 300), *others], GOOD)
    assert found is not None
    assert set(found.tokens) == {"NA", "NULL", ""}
    assert (found.option, found.explained_rows, found.rejected_rows) == ("--na NULL,NA,", 302, 303)


def test_as_many_usual_spellings_are_named_as_the_rows_have() -> None:
    spellings = ["NA", "n/a", "NULL", "null", "None", "nan", "-", "?", "#N/A", ""]
    found = find_missing_values([{each, f"bad{each}"} for each in spellings], GOOD)
    assert found is not None
    assert sorted(found.tokens) == sorted(spellings)


def test_a_value_beside_one_that_explains_the_row_is_no_evidence() -> None:
    found = find_missing_values([{"NA", "", f"bad{number}"} for number in range(4)] + bad("NA", 2), GOOD)
    assert found is not None
    assert found.tokens == ("NA",)


@pytest.mark.parametrize("token", ["N\nA", "N\x00A", "a,b", 'a"b', "x" * 65])
def test_a_value_that_no_option_can_show_is_not_offered(token: str) -> None:
    assert find_missing_values(bad(token, 16), GOOD) is None


@given(st.lists(st.sets(st.sampled_from(["NA", "", "x", "1", "y,z"]))), st.lists(st.sets(st.sampled_from(["NA", "x"]))))
def test_no_scored_row_looked_at_holds_what_is_offered(rejected: list[set[str]], scored: list[set[str]]) -> None:
    found = find_missing_values(rejected, scored)
    if found is not None:
        assert not any(set(found.tokens) & row for row in scored)
        assert found.explained_rows == sum(bool(set(found.tokens) & row) for row in rejected)
        assert "1" not in found.tokens
