from __future__ import annotations

import json
from typing import Any

import pytest

from tailrace_local.cloudwatch.notifications import (
    Change,
    composite_message,
    format_time,
    metric_message,
    region_name,
    subject,
)

ARN = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"
PARKED: dict[str, Any] = {
    "AlarmName": "parked",
    "AlarmArn": ARN + "parked",
    "AlarmDescription": "Somebody is needed",
    "AlarmConfigurationUpdatedTimestamp": 1_769_000_000,
    "AlarmActions": [TOPIC],
    "OKActions": [TOPIC],
    "Namespace": "AWS/SQS",
    "MetricName": "ApproximateNumberOfMessagesVisible",
    "Dimensions": [{"Name": "QueueName", "Value": "parked"}],
    "Statistic": "Maximum",
    "Period": 60,
    "EvaluationPeriods": 3,
    "DatapointsToAlarm": 2,
    "Threshold": 0.0,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",
}
CHANGE = Change("OK", "ALARM", "Threshold Crossed", 1_769_385_960.608, "eu-west-1", "123456789012")


def test_a_metric_alarm_is_told_in_cloudwatchs_words() -> None:
    assert json.loads(metric_message(PARKED, CHANGE)) == {
        "AlarmName": "parked",
        "AlarmDescription": "Somebody is needed",
        "AWSAccountId": "123456789012",
        "AlarmConfigurationUpdatedTimestamp": "2026-01-21T12:53:20.000+0000",
        "NewStateValue": "ALARM",
        "NewStateReason": "Threshold Crossed",
        "StateChangeTime": "2026-01-26T00:06:00.608+0000",
        "Region": "EU (Ireland)",
        "AlarmArn": ARN + "parked",
        "OldStateValue": "OK",
        "OKActions": [TOPIC],
        "AlarmActions": [TOPIC],
        "InsufficientDataActions": [],
        "Trigger": {
            "MetricName": "ApproximateNumberOfMessagesVisible",
            "Namespace": "AWS/SQS",
            "StatisticType": "Statistic",
            "Statistic": "MAXIMUM",
            "Unit": None,
            "Dimensions": [{"value": "parked", "name": "QueueName"}],
            "Period": 60,
            "EvaluationPeriods": 3,
            "DatapointsToAlarm": 2,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 0.0,
            "TreatMissingData": "notBreaching",
            "EvaluateLowSampleCountPercentile": "",
        },
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"ExtendedStatistic": "p99", "Statistic": None}, ("ExtendedStatistic", None, "p99")),
        ({"Statistic": "SampleCount"}, ("Statistic", "SAMPLE_COUNT", None)),
    ],
)
def test_a_percentile_and_a_statistic_are_told_apart(changes: dict[str, Any], expected: tuple[Any, ...]) -> None:
    trigger = json.loads(metric_message(PARKED | changes, CHANGE))["Trigger"]
    assert (trigger["StatisticType"], trigger.get("Statistic"), trigger.get("ExtendedStatistic")) == expected


def test_metric_math_is_told_with_its_queries_in_place_of_a_metric() -> None:
    metric = {key: PARKED[key] for key in ("Namespace", "MetricName", "Dimensions")}
    stat = {"Metric": metric, "Period": 300, "Stat": "Sum"}
    queries = [
        {"Id": "share", "Expression": "100 * m1 / 5", "Label": "share"},
        {"Id": "m1", "MetricStat": stat, "ReturnData": False},
    ]
    trigger = json.loads(metric_message(PARKED | {"Metrics": queries}, CHANGE))["Trigger"]
    assert "MetricName" not in trigger
    assert trigger["Period"] == 300
    share, depth = trigger["Metrics"]
    assert share == {"Expression": "100 * m1 / 5", "Id": "share", "Label": "share", "ReturnData": True}
    assert depth["MetricStat"]["Metric"]["Dimensions"] == [{"value": "parked", "name": "QueueName"}]
    assert depth["ReturnData"] is False


def test_a_composite_alarm_is_told_with_its_rule_and_what_triggered_it() -> None:
    composite = {**PARKED, "AlarmRule": 'ALARM("parked")'}
    child = {"AlarmArn": ARN + "parked", "StateValue": "ALARM", "StateUpdatedTimestamp": 1_769_000_000}
    told = json.loads(composite_message(composite, CHANGE, [child]))
    assert told["AlarmRule"] == 'ALARM("parked")'
    assert told["TriggeringChildren"] == [
        {"Arn": ARN + "parked", "State": {"Value": "ALARM", "Timestamp": "2026-01-21T12:53:20.000+0000"}}
    ]
    assert "Trigger" not in told


def test_the_subject_fits_into_what_sns_takes() -> None:
    assert subject(PARKED, CHANGE) == 'ALARM: "parked" in EU (Ireland)'
    assert len(subject(PARKED | {"AlarmName": "n" * 255}, CHANGE)) == 100


@pytest.mark.parametrize(
    ("region", "name"),
    [("us-east-1", "US East (N. Virginia)"), ("cn-north-1", "China (Beijing)"), ("mars-1", "mars-1")],
)
def test_a_region_is_called_by_its_name(region: str, name: str) -> None:
    assert region_name(region) == name


def test_a_moment_has_milliseconds_and_an_offset() -> None:
    assert format_time(0.5) == "1970-01-01T00:00:00.500+0000"
