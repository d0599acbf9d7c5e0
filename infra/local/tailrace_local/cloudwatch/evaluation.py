"""Evaluation of an alarm: the state that follows from the datapoints of the evaluation range.

The rules are those of "Configuring how CloudWatch alarms treat missing data" in CloudWatch's user
guide; its tables are the unit tests.
"""

from __future__ import annotations

from collections.abc import Sequence

from tailrace_local.cloudwatch.alarm import MissingData, State

EXTRA_PERIODS = 2
"""Periods that are read beyond the evaluation periods.

AWS does not document it; its example has two for three.
"""


def evaluate(
    breaching: Sequence[bool | None],
    *,
    evaluation_periods: int,
    datapoints_to_alarm: int,
    missing: MissingData,
    before: State,
) -> State:
    """Return the state after the evaluation range.

    Args:
        breaching: whether each period's datapoint breaches, oldest first; None for a period without
            data.
        evaluation_periods: N of "M out of N".
        datapoints_to_alarm: M of "M out of N".
        missing: the treatment of missing data.
        before: the state before the evaluation.
    """
    real = [value for value in breaching if value is not None]
    if len(real) >= evaluation_periods:
        return _state(sum(real[-evaluation_periods:]) >= datapoints_to_alarm)
    if not real:
        return _without_data(missing, before)
    if missing is MissingData.BREACHING:
        return _state(sum(real) + evaluation_periods - len(real) >= datapoints_to_alarm)
    if sum(real) >= datapoints_to_alarm:
        return State.ALARM
    if missing is MissingData.NOT_BREACHING or not all(real):
        return State.OK
    # All datapoints breach, but there are fewer than M. One is enough once it is M periods old,
    # because later datapoints would have arrived by now.
    age = next(len(breaching) - position for position, value in enumerate(breaching) if value is not None)
    return State.ALARM if missing is MissingData.MISSING and age >= datapoints_to_alarm else before


def _without_data(missing: MissingData, before: State) -> State:
    return {
        MissingData.MISSING: State.INSUFFICIENT_DATA,
        MissingData.IGNORE: before,
        MissingData.BREACHING: State.ALARM,
        MissingData.NOT_BREACHING: State.OK,
    }[missing]


def _state(alarm: bool) -> State:  # noqa: FBT001 - it only names the two values
    return State.ALARM if alarm else State.OK
