"""Verdicts on absent outputs: evidence decides whether the rows are at fault."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.jobs.classification import classify
from tailrace_core.jobs.failures import FailureClass
from tailrace_core.transforms.verdicts import RoundEnd, absent_reason, not_listed_reason, not_started_reason

C = FailureClass
NAME = "tailrace-01hzx3t8q5w6e7r8t9y0abcdef-r2"
CLIENT = "ClientError: See job logs for more information"
ALGORITHM = "AlgorithmError: See job logs for more information"


def verdict(
    reason: str | None,
    *,
    status: str = "Failed",
    written: int = 0,
    witnessed: bool | None = None,
    rows: int = 5,
    tries: int = 1,
    before: str | None = None,
) -> FailureClass:
    """Return the class of an absent output; a later try failed before unless ``before`` says else."""
    failed = RoundEnd(name=NAME, status="Failed", reason=CLIENT)
    before = before or (absent_reason(failed, rows=rows, tries=1, before=None) if tries > 1 else None)
    end = RoundEnd(name=NAME, status=status, reason=reason, written=written, witnessed=witnessed)
    return classify(absent_reason(end, rows=rows, tries=tries, before=before))


def test_an_input_refused_beside_answered_ones_is_split_at_once_and_a_row_tried_twice() -> None:
    assert verdict(CLIENT, written=9) is C.DATA
    assert verdict(CLIENT, written=9, rows=1) is C.TRANSIENT
    assert verdict(CLIENT, written=9, rows=1, tries=2) is C.DATA


def test_where_nothing_was_answered_the_inputs_are_tried_again_as_they_are() -> None:
    assert verdict(CLIENT) is C.TRANSIENT
    assert verdict(ALGORITHM) is C.TRANSIENT
    assert verdict(ALGORITHM, tries=3) is C.TRANSIENT


def test_a_second_refusal_counts_where_the_model_never_had_an_input_to_answer() -> None:
    assert verdict(CLIENT, tries=2) is C.DATA
    assert verdict(CLIENT, tries=2, witnessed=False) is C.UNKNOWN


def test_a_container_that_dies_costs_its_neighbours_no_row() -> None:
    assert verdict(ALGORITHM, written=9) is C.EXPIRED
    assert verdict(ALGORITHM, written=9, witnessed=True) is C.TRANSIENT
    assert verdict(ALGORITHM, written=9, tries=2, witnessed=True) is C.DATA
    for tries in (1, 2, 3):
        assert verdict(ALGORITHM, written=9, rows=1, tries=tries, witnessed=True) is C.TRANSIENT


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("InternalServerError: We encountered an internal error. Please try again.", C.UNKNOWN),
        ("CapacityError: Unable to provision requested ML compute capacity", C.THROTTLED),
        ("Unable to provision capacity due to InsufficientInstanceCapacity error", C.THROTTLED),
        ("ClientError: Access denied for bucket: the role cannot read it", C.INFRASTRUCTURE),
    ],
)
@pytest.mark.parametrize("written", [0, 9])
def test_a_reason_that_speaks_for_itself_is_no_word_about_rows(
    reason: str, expected: FailureClass, written: int
) -> None:
    assert verdict(reason, written=written, rows=1, tries=3) is expected


@pytest.mark.parametrize("status", ["Completed", "Stopped"])
def test_an_output_missing_from_a_job_that_did_not_fail_is_no_word_about_rows(status: str) -> None:
    assert verdict(None, status=status, written=9, rows=1, tries=2) is C.UNKNOWN


@pytest.mark.parametrize("reason", [CLIENT, ALGORITHM])
@pytest.mark.parametrize("tries", [1, 2, 3])
def test_a_round_whose_witness_was_not_answered_says_nothing_about_rows(reason: str, tries: int) -> None:
    assert verdict(reason, written=3, rows=1, tries=tries, witnessed=False) is C.UNKNOWN


@pytest.mark.parametrize("reason", [CLIENT, ALGORITHM])
@pytest.mark.parametrize("tries", [2, 3])
def test_attempts_that_a_job_did_not_reach_are_no_evidence(reason: str, tries: int) -> None:
    broke_off = RoundEnd(name=NAME, status="Failed", reason="InternalServerError: Internal error")
    before = absent_reason(broke_off, rows=1, tries=1, before=None)
    assert verdict(reason, written=9, rows=1, tries=tries, before=before) is C.EXPIRED


def test_what_joined_too_late_is_not_counted_and_what_cannot_start_is_parked() -> None:
    assert classify(not_listed_reason(NAME)) is C.EXPIRED
    assert classify(not_started_reason(NAME, "Could not find model demand")) is C.INFRASTRUCTURE


@given(
    st.sampled_from([None, CLIENT, ALGORITHM, "Unable to get response from algorithm"]),
    st.sampled_from(["Failed", "Completed", "Stopped"]),
    st.integers(0, 3),
    st.integers(1, 4),
    st.integers(1, 9),
    st.sampled_from([None, False, True]),
)
def test_no_row_is_at_fault_without_evidence_of_the_round_or_a_second_refusal(
    reason: str | None,
    status: str,
    written: int,
    tries: int,
    rows: int,
    witnessed: bool | None,  # noqa: FBT001 - drawn
) -> None:
    found = verdict(reason, status=status, written=written, tries=tries, rows=rows, witnessed=witnessed)
    assert found in {C.DATA, C.TRANSIENT, C.UNKNOWN, C.EXPIRED}
    if found is C.DATA:
        assert status == "Failed"
        assert written or tries > 1
        assert rows > 1 or tries > 1
        assert witnessed is not False
