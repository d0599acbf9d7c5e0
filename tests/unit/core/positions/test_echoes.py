from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.errors import AlignmentError
from tailrace_core.jobs.model import JobSettings
from tailrace_core.positions.echoes import Echo, check_echoes, same_value

ECHO = Echo("id", sent_index=1, output_index=0)


def batches(lines: list[bytes], size: int) -> list[list[bytes]]:
    return [lines[start : start + size] for start in range(0, len(lines), size)]


@given(st.integers(0, 30), st.integers(1, 7), st.integers(1, 7))
def test_predictions_that_give_the_column_back_pass_unchanged(rows: int, one: int, other: int) -> None:
    sent = [b"x,%d" % row for row in range(rows)]
    lines = [b"%d.0,0.5" % row for row in range(rows)]
    found = check_echoes(batches(lines, one), batches(sent, other), ECHO, first_row=0)
    assert [line for batch in found for line in batch] == lines


@given(st.permutations(range(6)), st.integers(1, 7))
def test_any_other_order_is_refused(order: list[int], size: int) -> None:
    sent = [b"x,%d" % row for row in range(6)]
    lines = [b"%d,0.5" % row for row in order]
    found = check_echoes(batches(lines, size), batches(sent, 4), ECHO, first_row=0)
    if order == list(range(6)):
        assert [line for batch in found for line in batch] == lines
    else:
        with pytest.raises(AlignmentError):
            list(found)


def test_the_reason_names_the_line_the_column_and_both_values() -> None:
    with pytest.raises(AlignmentError, match=r"line 1 of the input from row 70 on .*'8' in column 'id'.* '9'"):
        list(check_echoes([[b"7,0", b"9,0"]], [[b"x,7", b"x,8\r"]], ECHO, first_row=70))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (b"1", b"1.0", True),
        (b"1e3", b"1000", True),
        (b"007", b"7", True),
        (b'"a""b"', b'"a""b"', True),
        (b'"ab"', b"ab", True),
        (b"nan", b"NaN", True),
        (b"9007199254740993", b"9007199254740992", False),
        (b"1_0", b"10", False),
        (b"A", b"a", False),
        (b"", b"0", False),
        (b"nan", b"1", False),
        (b"sNaN", b"1", False),
        (b"\xff", b"1", False),
    ],
)
def test_numbers_are_compared_by_value_and_text_by_bytes(one: bytes, other: bytes, *, same: bool) -> None:
    assert same_value(one, other) is same


def test_the_echo_is_found_by_its_name() -> None:
    settings = JobSettings(
        endpoint_name="e",
        source_columns=("a", "id", "b"),
        sent_columns=(2, 1),
        output_columns=("score", "id"),
        echo_column="id",
    )
    assert Echo.of(settings) == Echo("id", sent_index=1, output_index=1)
    assert Echo.of(JobSettings(endpoint_name="e")) is None
