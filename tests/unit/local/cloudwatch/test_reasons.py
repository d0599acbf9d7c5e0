from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tailrace_local.cloudwatch import Alarm
from tailrace_local.cloudwatch.alarm import MissingData, Query
from tailrace_local.cloudwatch.reasons import Datapoint, EvaluationResult, reason, reason_data

START_S = 1_667_906_700.0  # 2022-11-08 11:25:00 UTC
THREE = Alarm.of(
    {
        "AlarmName": "errors",
        "Namespace": "n",
        "MetricName": "m",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 3,
        "Threshold": 0.0,
        "ComparisonOperator": "GreaterThanThreshold",
    }
)
HIGH = [Datapoint(START_S - 60 * age, 20000.0) for age in range(3)]


def judged(datapoints: list[Datapoint], before: str, after: str) -> EvaluationResult:
    return EvaluationResult(datapoints, before, after, START_S + 65.399)


def test_the_reason_lists_breaching_datapoints_as_in_the_user_guide() -> None:
    # "CloudWatch Alarm State Change" in the user guide, but for its minimum: it watches one
    # datapoint of one.
    assert reason(THREE, judged(HIGH, "OK", "ALARM")) == (
        "Threshold Crossed: 3 out of the last 3 datapoints [20000.0 (08/11/22 11:25:00), 20000.0 (08/11/22 11:24:00), "
        "20000.0 (08/11/22 11:23:00)] were greater than the threshold (0.0) (minimum 3 datapoints for OK -> ALARM "
        "transition)."
    )


@pytest.mark.parametrize(
    ("watched", "datapoints", "after", "expected"),
    [
        (
            THREE, [Datapoint(START_S, 0.0), *HIGH[1:]], "OK",
            ("1 out of the last 3 datapoints [0.0 (08/11/22 11:25:00)] was not greater than the threshold (0.0) "
             "(minimum 1 datapoint for ALARM -> OK transition)."),
        ),
        (
            replace(THREE, missing=MissingData.BREACHING), HIGH[:1], "ALARM",
            ("1 out of the last 3 datapoints [20000.0 (08/11/22 11:25:00)] was greater than the threshold (0.0) and "
             "2 missing datapoints were treated as [Breaching] (minimum 3 datapoints for OK -> ALARM transition)."),
        ),
        (
            replace(THREE, missing=MissingData.NOT_BREACHING), [], "OK",
            "no datapoints were received for 3 periods and 3 missing datapoints were treated as [NonBreaching].",
        ),
    ],
)  # fmt: skip
def test_the_reason_counts_what_speaks_for_the_new_state(
    watched: Alarm, datapoints: list[Datapoint], after: str, expected: str
) -> None:
    assert reason(watched, judged(datapoints, "?", after)) == f"Threshold Crossed: {expected}"


@pytest.mark.parametrize(("periods", "expected"), [(1, "1 datapoint was unknown."), (3, "3 datapoints were unknown.")])
def test_missing_data_is_said_to_be_insufficient(periods: int, expected: str) -> None:
    watched = replace(THREE, evaluation_periods=periods)
    assert reason(watched, judged([], "OK", "INSUFFICIENT_DATA")) == f"Insufficient Data: {expected}"


def test_the_data_of_the_reason_hold_the_datapoints_oldest_first_and_latest_first() -> None:
    points = [Datapoint(START_S, 2.0), Datapoint(START_S - 60, 1.0)]
    assert json.loads(reason_data(THREE, judged(points, "OK", "ALARM"))) == {
        "version": "1.0",
        "queryDate": "2022-11-08T11:26:05.399+0000",
        "startDate": "2022-11-08T11:24:00.000+0000",
        "statistic": "Sum",
        "period": 60,
        "recentDatapoints": [1.0, 2.0],
        "threshold": 0.0,
        "evaluatedDatapoints": [
            {"timestamp": "2022-11-08T11:25:00.000+0000", "value": 2.0},
            {"timestamp": "2022-11-08T11:24:00.000+0000", "value": 1.0},
        ],
    }


def test_metric_math_has_no_statistic_to_tell() -> None:
    assert "statistic" not in json.loads(
        reason_data(replace(THREE, queries=(Query("e", expression="1"),)), judged(HIGH, "OK", "ALARM"))
    )
