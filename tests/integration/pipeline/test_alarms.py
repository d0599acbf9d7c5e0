"""The deployed stack's alarms notify when their condition begins and when it ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tailrace_local.demo.demand import COLUMNS
from tailrace_local.testing import RunningCloud
from tests.infra.templates import monitoring
from tests.integration.alarm_queue import AlarmQueue
from tests.integration.local.polling import eventually
from tests.integration.pipeline.alarm_states import TIME_SCALE, state_of
from tests.integration.pipeline.command import submit
from tests.integration.pipeline.demand_rows import csv_bytes, demand_rows
from tests.integration.pipeline.instances import scale

pytestmark = pytest.mark.cloud

# For the alarm that waits for twenty minutes.
CAPACITY_TIME_SCALE = 1 / 120
# The bound for an alarm that waits for an hour.
IDLE_TIME_SCALE = 1 / 200


@pytest.fixture
def alarms(cloud: RunningCloud) -> Iterator[AlarmQueue]:
    queue = AlarmQueue(cloud, cloud.outputs["AlarmTopic"])
    try:
        with cloud.time_scaled(TIME_SCALE):
            yield queue
    finally:
        queue.close()


@dataclass(frozen=True)
class Metric:
    """A metric, identified by namespace, name and dimensions."""

    namespace: str
    name: str
    dimensions: dict[str, str]


def physical_id(cloud: RunningCloud, logical_id: str) -> str:
    found = cloud.client("cloudformation").describe_stack_resource(
        StackName=cloud.facts.stack, LogicalResourceId=logical_id
    )
    return str(found["StackResourceDetail"]["PhysicalResourceId"])


@pytest.mark.parametrize(
    ("queue", "alarm"), [("ParkedQueue", "ParkedChunks"), ("SucceededDeadLetterQueue", "SucceededDeadLetters")]
)
def test_a_message_that_needs_a_person_is_told_and_so_is_that_it_is_gone(
    cloud: RunningCloud, alarms: AlarmQueue, queue: str, alarm: str
) -> None:
    sqs, url = cloud.client("sqs"), physical_id(cloud, queue)
    # Other tests may have left messages, and alarms about them.
    sqs.purge_queue(QueueUrl=url)
    eventually(lambda: state_of(cloud, alarm) == "OK", what=f"{alarm} to be silent")
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    told = alarms.told(alarm, "OK", "ALARM")
    assert told["AlarmDescription"].startswith("page: ")
    assert told["AlarmDescription"].partition("#")[2] in {"chunks-are-parked", "letters-are-dead"}
    assert told["Trigger"]["MetricName"] == "ApproximateNumberOfMessagesVisible"
    assert told["Trigger"]["Dimensions"] == [{"value": url.rsplit("/", 1)[-1], "name": "QueueName"}]
    # One datapoint suffices; where the alarm is looked at late, there are more.
    assert re.match(r"Threshold Crossed: [1-5] out of the last 5 datapoints \[1\.0 \(", told["NewStateReason"])
    sqs.purge_queue(QueueUrl=url)
    alarms.told(alarm, "ALARM", "OK")


def test_work_that_waits_for_an_instance_that_does_not_come_is_told(
    cloud: RunningCloud, alarms: AlarmQueue, tmp_path: Path
) -> None:
    scale(cloud, 0)
    try:
        source = tmp_path / "waiting.csv"
        source.write_bytes(csv_bytes(demand_rows(10, seed=3), header=COLUMNS))
        assert submit(cloud, source).code == 0
        with cloud.time_scaled(CAPACITY_TIME_SCALE):
            told = alarms.told("NoCapacity", "OK", "ALARM")
        assert told["Trigger"]["EvaluationPeriods"] == 20
        assert told["AlarmDescription"].endswith("#work-waits-and-nothing-runs")
    finally:
        scale(cloud, 1)
    alarms.told("NoCapacity", "ALARM", "OK")


def test_instances_that_run_with_nothing_to_do_are_told(cloud: RunningCloud, alarms: AlarmQueue) -> None:
    """The alarm is that of a stack that scales to zero, on this stack's endpoint, which does not."""
    cloudwatch, name = cloud.client("cloudwatch"), "IdleInstances"
    values = {"EndpointName": str(cloud.facts.endpoint_name), "VariantName": "AllTraffic"}
    definition = with_values(monitoring().properties("IdleInstances"), values)
    left_out = {"AlarmDescription", "AlarmActions", "OKActions", "Tags"}
    topic = [cloud.outputs["AlarmTopic"]]
    with cloud.time_scaled(IDLE_TIME_SCALE):
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            AlarmActions=topic,
            OKActions=topic,
            **{key: value for key, value in definition.items() if key not in left_out},
        )
        try:
            alarms.told(name, "OK", "ALARM")
            scale(cloud, 0)
            alarms.told(name, "ALARM", "OK")
        finally:
            cloudwatch.delete_alarms(AlarmNames=[name])
            scale(cloud, 1)


def with_values(properties: Any, values: dict[str, str]) -> Any:
    """Return a resource's properties with the values of parameters."""
    match properties:
        case {"Ref": name, **others} if not others:
            return values.get(name, properties)
        case dict():
            return {key: with_values(value, values) for key, value in properties.items()}
        case list():
            return [with_values(value, values) for value in properties]
    return properties


def test_queues_functions_and_the_functions_own_counts_are_published(cloud: RunningCloud, tmp_path: Path) -> None:
    source = tmp_path / "counted.csv"
    source.write_bytes(csv_bytes(demand_rows(10, seed=4), header=COLUMNS))
    assert submit(cloud, source, "--wait").code == 0
    with cloud.time_scaled(TIME_SCALE):
        for metric in published(cloud):
            eventually(lambda metric=metric: total(cloud, metric) > 0, what=f"a datapoint of {metric}")  # type: ignore[misc]  # typed default
    unharmed = Metric("AWS/Lambda", "Errors", {"FunctionName": cloud.functions["CollectResults"]})
    assert total(cloud, unharmed) == 0


def published(cloud: RunningCloud) -> list[Metric]:
    """Return the metrics that a job of one chunk publishes, by their names on AWS."""
    function = {"FunctionName": cloud.functions["CollectResults"]}
    queue = {"QueueName": physical_id(cloud, "SucceededQueue").rsplit("/", 1)[-1]}
    topic = {"TopicName": physical_id(cloud, "SucceededTopic").rsplit(":", 1)[-1]}
    variant = {"EndpointName": str(cloud.facts.endpoint_name), "VariantName": "AllTraffic"}
    return [
        Metric("Tailrace", "ChunksScored", {"service": "collect_results", "stack": cloud.facts.stack}),
        Metric("AWS/Lambda", "Invocations", function),
        Metric("AWS/Lambda", "Duration", function),
        Metric("AWS/Lambda", "ConcurrentExecutions", function),
        Metric("AWS/SQS", "NumberOfMessagesSent", queue),
        Metric("AWS/SQS", "NumberOfMessagesReceived", queue),
        Metric("AWS/SQS", "NumberOfMessagesDeleted", queue),
        Metric("AWS/SNS", "NumberOfMessagesPublished", topic),
        Metric("AWS/SNS", "NumberOfNotificationsDelivered", topic),
        Metric("AWS/SageMaker", "ModelLatency", variant),
    ]


def total(cloud: RunningCloud, metric: Metric) -> float:
    """Return the sum over the last hour from CloudWatch's API."""
    now = datetime.now(UTC)
    found: dict[str, Any] = cloud.client("cloudwatch").get_metric_statistics(
        Namespace=metric.namespace,
        MetricName=metric.name,
        Dimensions=[{"Name": name, "Value": value} for name, value in metric.dimensions.items()],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=["Sum"],
    )
    return float(sum(point["Sum"] for point in found["Datapoints"]))
