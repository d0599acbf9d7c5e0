"""The query protocol is what botocore writes and reads: its own serializer and parser are asked."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import botocore.session
import pytest
from botocore.parsers import QueryParser
from botocore.serialize import QuerySerializer

from tailrace_local.emulator_base.query_protocol import read_form, write_xml

MODEL = botocore.session.get_session().get_service_model("cloudwatch")
STAT = {
    "Metric": {"Namespace": "N", "MetricName": "m", "Dimensions": [{"Name": "d", "Value": "a&b=c"}]},
    "Period": 60,
    "Stat": "Sum",
}
REQUESTS: list[tuple[str, dict[str, Any]]] = [
    (
        "PutMetricAlarm",
        {
            "AlarmName": "é name",
            "ActionsEnabled": False,
            "InsufficientDataActions": ["arn:1", "arn:2"],
            "EvaluationPeriods": 3,
            "Threshold": 0.5,
            "ComparisonOperator": "GreaterThanThreshold",
            "Metrics": [{"Id": "e", "Expression": "m + 1"}, {"Id": "m", "MetricStat": STAT, "ReturnData": False}],
        },
    ),
    (
        "PutMetricData",
        {"Namespace": "N", "MetricData": [{"MetricName": "m", "Values": [1.0, 2.5], "Counts": [3.0, 1.0]}]},
    ),
    ("DescribeAlarms", {"AlarmNames": [f"alarm{number}" for number in range(12)], "MaxRecords": 5}),
    ("DeleteAlarms", {"AlarmNames": []}),
]


@pytest.mark.parametrize(("operation", "request_"), REQUESTS)
def test_a_request_is_read_as_botocore_wrote_it(operation: str, request_: dict[str, Any]) -> None:
    written = QuerySerializer().serialize_to_request(request_, MODEL.operation_model(operation))
    assert read_form("cloudwatch", urlencode(written["body"]).encode()) == (operation, request_)


def test_an_unknown_operation_is_left_to_whoever_answers() -> None:
    assert read_form("cloudwatch", b"Action=PutNothing&A=1") == ("PutNothing", {})


def parsed(operation: str, answer: dict[str, Any]) -> dict[str, Any]:
    response = {"status_code": 200, "headers": {}, "body": write_xml("cloudwatch", operation, answer)}
    shape: Any = MODEL.operation_model(operation).output_shape
    found: dict[str, Any] = QueryParser().parse(response, shape)
    assert found.pop("ResponseMetadata")["HTTPStatusCode"] == 200
    return found


def test_an_answer_is_read_by_botocore_as_it_was_given() -> None:
    alarm = {
        "AlarmName": "a < b",
        "ActionsEnabled": True,
        "AlarmActions": ["arn:1"],
        "Threshold": 0.5,
        "Period": None,
        "StateUpdatedTimestamp": 1_769_000_000,
        "Metrics": [{"Id": "m", "MetricStat": STAT, "ReturnData": False}],
    }
    (found,) = parsed("DescribeAlarms", {"MetricAlarms": [alarm]})["MetricAlarms"]
    assert found.pop("StateUpdatedTimestamp") == datetime.fromtimestamp(1_769_000_000, UTC)
    assert found == {name: alarm[name] for name in alarm if name not in {"Period", "StateUpdatedTimestamp"}}


def test_percentiles_are_a_map() -> None:
    point = {"Timestamp": 0, "ExtendedStatistics": {"p99": 1.5}}
    (found,) = parsed("GetMetricStatistics", {"Datapoints": [point]})["Datapoints"]
    assert found["ExtendedStatistics"] == {"p99": 1.5}


def test_an_operation_without_an_answer_has_an_empty_one() -> None:
    assert parsed("DeleteAlarms", {}) == {}
