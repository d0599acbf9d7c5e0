"""From the datapoints of the evaluation range to a state.

The rules are those of "Configuring how CloudWatch alarms treat missing data" in CloudWatch's user guide; its tables are
the unit tests.
"""

from __future__ import annotations

from collections.abc import Sequence

from tailrace_local.cloudwatch.alarm import MissingData, State

EXTRA_PERIODS = 2
"""How many periods beyond the evaluation periods are looked at. AWS does not say; its example has two for three."""


def evaluate(
    breaching: Sequence[bool | None],
    *,
    evaluation_periods: int,
    datapoints_to_alarm: int,
    missing: MissingData,
    before: State,
) -> State:
    """The state after the evaluation range, oldest period first; None stands for a period without data."""
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
    # Everything that is known breaches, and too little is known. One datapoint is enough once it is as old as the
    # datapoints that are asked for: what came in between would have had the time to speak against it.
    age = next(len(breaching) - position for position, value in enumerate(breaching) if value is not None)
    return State.ALARM if missing is MissingData.MISSING and age >= datapoints_to_alarm else before


def _without_data(missing: MissingData, before: State) -> State:
    return {
        MissingData.MISSING: State.INSUFFICIENT_DATA,
        MissingData.IGNORE: before,
        MissingData.BREACHING: State.ALARM,
        MissingData.NOT_BREACHING: State.OK,
    }[missing]


def _state(alarm: bool) -> State:  # noqa: FBT001 - a name for each of two values is all it does
    return State.ALARM if alarm else State.OK
