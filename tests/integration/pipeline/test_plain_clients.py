"""The endpoint as any AWS client sees it: the output object and the notification."""

from __future__ import annotations

import json
import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest

from tailrace_local.testing import RunningCloud
from tests.integration.pipeline.demand_rows import ask_model, csv_bytes, demand_rows

pytestmark = pytest.mark.cloud

ROWS = demand_rows(5, seed=9)
AWS = Path(__file__).parents[3] / ".tools/awscli/bin/aws"


@pytest.fixture
def heard(cloud: RunningCloud) -> Iterator[str]:
    """A queue subscribed to both topics, with SNS's envelope."""
    sqs, sns = cloud.client("sqs"), cloud.client("sns")
    url = sqs.create_queue(QueueName=f"heard-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topics = (cloud.outputs["SucceededTopic"], cloud.outputs["FailedTopic"])
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": list(topics)}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    subscriptions = [
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True)["SubscriptionArn"]
        for topic in topics
    ]
    yield url
    for subscription in subscriptions:
        sns.unsubscribe(SubscriptionArn=subscription)
    sqs.delete_queue(QueueUrl=url)


def message_about(cloud: RunningCloud, queue_url: str, inference_id: str, timeout_s: float = 180.0) -> dict[str, Any]:
    sqs = cloud.client("sqs")
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        answer = sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=5, MaxNumberOfMessages=10)
        for message in answer.get("Messages", []):
            body: dict[str, Any] = json.loads(json.loads(message["Body"])["Message"])
            if body.get("inferenceId") == inference_id:
                return body
    raise AssertionError(f"no message about {inference_id} within {timeout_s:.0f} s")


def put_input(cloud: RunningCloud, body: bytes) -> str:
    key = f"v1/jobs/by-hand/input/{uuid.uuid4()}.csv"
    cloud.client("s3").put_object(Bucket=cloud.outputs["Bucket"], Key=key, Body=body)
    return f"s3://{cloud.outputs['Bucket']}/{key}"


def read(cloud: RunningCloud, location: str) -> bytes:
    where = urlparse(location)
    body: bytes = cloud.client("s3").get_object(Bucket=where.netloc, Key=where.path.lstrip("/"))["Body"].read()
    return body


def test_boto3_gets_the_output_object_and_the_message(cloud: RunningCloud, heard: str) -> None:
    input_location = put_input(cloud, csv_bytes(ROWS, header=None))
    answer = cloud.client("sagemaker-runtime").invoke_endpoint_async(
        EndpointName=cloud.facts.endpoint_name,
        InputLocation=input_location,
        ContentType="text/csv",
        InferenceId="by-hand-1",
    )

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert answer["InferenceId"] == "by-hand-1"
    body = message_about(cloud, heard, "by-hand-1")
    assert body["eventName"] == "InferenceResult"
    assert body["invocationStatus"] == "Completed"
    assert body["eventSource"] == "aws:sagemaker"
    assert body["requestParameters"]["inputLocation"] == input_location
    assert body["requestParameters"]["endpointName"] == cloud.facts.endpoint_name
    assert body["responseParameters"]["outputLocation"] == answer["OutputLocation"]
    assert read(cloud, answer["OutputLocation"]).decode().splitlines() == ask_model(cloud.model_url, ROWS)


def test_a_request_that_the_model_refuses_leaves_a_failure_object_and_says_so(cloud: RunningCloud, heard: str) -> None:
    answer = cloud.client("sagemaker-runtime").invoke_endpoint_async(
        EndpointName=cloud.facts.endpoint_name,
        InputLocation=put_input(cloud, b"not,a,row\n"),
        ContentType="text/csv",
        InferenceId="by-hand-2",
    )

    body = message_about(cloud, heard, "by-hand-2")

    assert body["invocationStatus"] == "Failed"
    assert body["failureReason"].startswith("ClientError: Received client error (400) from model.")
    assert b"fields" in read(cloud, answer["FailureLocation"])


def invoke_by_command(cloud: RunningCloud, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the AWS CLI, whose botocore knows every member of the request."""
    if not AWS.exists():
        if os.environ.get("CI"):
            pytest.fail("the AWS CLI is missing: run `make setup`")
        pytest.skip("the AWS CLI is missing: run `make setup`")
    command: list[str | Path] = [AWS, "sagemaker-runtime", "invoke-endpoint-async", "--output", "json"]
    return subprocess.run(
        [*command, "--endpoint-name", cloud.facts.endpoint_name or "", "--content-type", "text/csv", *arguments],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        env={**os.environ, **cloud.environment},
    )


def test_the_aws_command_line_invokes_the_endpoint(cloud: RunningCloud, heard: str) -> None:
    location = put_input(cloud, csv_bytes(ROWS, header=None))
    done = invoke_by_command(cloud, "--input-location", location, "--inference-id", "by-hand-3")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["InferenceId"] == "by-hand-3"
    body = message_about(cloud, heard, "by-hand-3")
    assert body["responseParameters"]["outputLocation"] == answer["OutputLocation"]
    assert len(read(cloud, answer["OutputLocation"]).splitlines()) == len(ROWS)


@pytest.fixture
def rows_file(tmp_path: Path) -> Path:
    file = tmp_path / "rows.csv"
    file.write_bytes(csv_bytes(ROWS, header=None))
    return file


def test_an_input_in_the_request_is_scored_to_a_place_of_the_callers_choice(
    cloud: RunningCloud, heard: str, rows_file: Path
) -> None:
    place = ("--s3-output-path-extension", "by/hand", "--filename", "answer.csv")
    done = invoke_by_command(cloud, "--body", f"fileb://{rows_file}", *place, "--inference-id", "by-hand-4")
    assert done.returncode == 0, done.stderr
    located = json.loads(done.stdout)["OutputLocation"]
    assert located == f"s3://{cloud.outputs['Bucket']}/v1/outputs/by/hand/answer.csv"
    body = message_about(cloud, heard, "by-hand-4")
    assert body["responseParameters"]["outputLocation"] == located
    assert "inputLocation" not in body["requestParameters"]
    assert read(cloud, located).decode().splitlines() == ask_model(cloud.model_url, ROWS)


def test_an_input_is_given_once(cloud: RunningCloud, rows_file: Path) -> None:
    location = put_input(cloud, csv_bytes(ROWS, header=None))
    twice = invoke_by_command(cloud, "--body", f"fileb://{rows_file}", "--input-location", location)
    never = invoke_by_command(cloud)
    assert "both are" in twice.stderr
    assert "neither is" in never.stderr


def test_an_input_in_the_request_has_at_most_128000_bytes(cloud: RunningCloud, rows_file: Path) -> None:
    rows_file.write_bytes(b"1" * 128_001)
    refused = invoke_by_command(cloud, "--body", f"fileb://{rows_file}")
    assert refused.returncode != 0
    assert "128000" in refused.stderr
