"""Missing data and M out of N, by the tables and the rules of CloudWatch's user guide."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_local.cloudwatch.alarm import MissingData, State
from tailrace_local.cloudwatch.evaluation import evaluate

MISSING, IGNORE, BREACHING, NOT_BREACHING = MissingData
OK, ALARM, INSUFFICIENT = State
RETAINED = None
SIGNS = {"0": False, "X": True, "-": None}

# pattern: the state for each treatment of missing data
THREE_OF_THREE = {
    "0 - X - X": (OK, OK, OK, OK),
    "0 - - - -": (OK, OK, OK, OK),
    "- - - - -": (INSUFFICIENT, RETAINED, ALARM, OK),
    "0 X X - X": (ALARM, ALARM, ALARM, ALARM),
    "- - X - -": (ALARM, RETAINED, ALARM, OK),
}
TWO_OF_THREE = {
    "0 - X - X": (ALARM, ALARM, ALARM, ALARM),
    "0 0 X 0 X": (ALARM, ALARM, ALARM, ALARM),
    "0 - X - -": (OK, OK, ALARM, OK),
    "- - - - 0": (OK, OK, ALARM, OK),
    "- - - X -": (ALARM, RETAINED, ALARM, OK),
}
CASES = [
    (pattern, needed, missing, expected)
    for needed, table in ((3, THREE_OF_THREE), (2, TWO_OF_THREE))
    for pattern, row in table.items()
    for missing, expected in zip(MissingData, row, strict=True)
]

patterns = st.lists(st.sampled_from([True, False, None]), min_size=1, max_size=8)
states = st.sampled_from(State)


@pytest.mark.parametrize(("pattern", "needed", "missing", "expected"), CASES)
@pytest.mark.parametrize("before", State)
def test_the_user_guides_tables_hold(
    pattern: str, needed: int, missing: MissingData, expected: State | None, before: State
) -> None:
    found = evaluate(
        [SIGNS[sign] for sign in pattern.split()],
        evaluation_periods=3,
        datapoints_to_alarm=needed,
        missing=missing,
        before=before,
    )
    assert found is (before if expected is RETAINED else expected)


@given(patterns, st.integers(1, 5), st.integers(1, 5), st.sampled_from(MissingData), states)
def test_with_enough_data_only_the_latest_count_and_missing_data_does_not(
    pattern: list[bool | None], periods: int, needed: int, missing: MissingData, before: State
) -> None:
    needed = min(needed, periods)
    real = [value for value in pattern if value is not None]
    if len(real) < periods:
        return
    found = evaluate(pattern, evaluation_periods=periods, datapoints_to_alarm=needed, missing=missing, before=before)
    assert found is (ALARM if sum(real[-periods:]) >= needed else OK)


@given(patterns, st.integers(1, 5), st.integers(1, 5), states)
def test_breaching_is_never_calmer_and_not_breaching_never_more_alarmed(
    pattern: list[bool | None], periods: int, needed: int, before: State
) -> None:
    needed = min(needed, periods)

    def with_(missing: MissingData) -> State:
        return evaluate(pattern, evaluation_periods=periods, datapoints_to_alarm=needed, missing=missing, before=before)

    if with_(NOT_BREACHING) is ALARM:
        assert with_(MISSING) is with_(IGNORE) is ALARM
    if ALARM in {with_(NOT_BREACHING), with_(MISSING)}:
        assert with_(BREACHING) is ALARM


@given(st.integers(1, 5), states)
def test_insufficient_data_takes_nothing_at_all(periods: int, before: State) -> None:
    found = evaluate(
        [None] * (periods + 2), evaluation_periods=periods, datapoints_to_alarm=1, missing=MISSING, before=before
    )
    assert found is INSUFFICIENT


def read_plainly(pattern: str, periods: int, needed: int, missing: MissingData, before: State) -> State:
    """The user guide's sentences one after the other, on its own notation.

    Nothing of the evaluation is used.
    """
    real = pattern.replace("-", "")
    if not real and missing is MISSING:
        return INSUFFICIENT  # "If all data points in the alarm evaluation range are missing"
    if not real and missing is IGNORE:
        return before  # "The current alarm state is maintained"
    evaluated = real[-periods:]
    if len(real) < periods and missing in {BREACHING, NOT_BREACHING}:
        # "fills in the missing data points"; "all real data points … are included"; "only as few
        # times as possible"
        evaluated = real + ("X" if missing is BREACHING else "0") * (periods - len(real))
    if evaluated.count("X") >= needed:
        return ALARM
    if "0" in evaluated:
        return OK
    # Only breaching ones, and fewer than are needed: "premature transitions to alarm state".
    periods_old = len(pattern) - pattern.index("X")
    return ALARM if missing is MISSING and periods_old >= needed else before


@given(patterns, st.integers(1, 6), st.integers(1, 6), st.sampled_from(MissingData), states)
def test_the_evaluation_is_a_plain_reading_of_the_user_guide(
    pattern: list[bool | None], periods: int, needed: int, missing: MissingData, before: State
) -> None:
    needed = min(needed, periods)
    signs = "".join("-" if value is None else "0X"[value] for value in pattern)
    found = evaluate(pattern, evaluation_periods=periods, datapoints_to_alarm=needed, missing=missing, before=before)
    assert found is read_plainly(signs, periods, needed, missing, before)
