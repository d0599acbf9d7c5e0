"""The deployed stack: nested templates, the emulator's types, their updates and replacements."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from tailrace_local.testing import RunningCloud
from tests.integration.local.polling import eventually

pytestmark = pytest.mark.cloud


def update(cloud: RunningCloud, **parameters: str) -> str:
    """The stack's state after an update of these parameters."""
    stacks = cloud.client("cloudformation")
    names = ["Greeting", "ModelImage", "ModelDataUrl", "Concurrency"]
    stacks.update_stack(
        StackName=cloud.facts.stack,
        UsePreviousTemplate=True,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[
            {"ParameterKey": name, "ParameterValue": parameters[name]}
            if name in parameters
            else {"ParameterKey": name, "UsePreviousValue": True}
            for name in names
        ],
    )

    def look() -> str | None:
        status = str(stacks.describe_stacks(StackName=cloud.facts.stack)["Stacks"][0]["StackStatus"])
        return None if status.endswith("IN_PROGRESS") else status

    return eventually(look, within_s=240, what="the end of the update") or ""


def configs(cloud: RunningCloud) -> list[str]:
    found = cloud.client("sagemaker").list_endpoint_configs()["EndpointConfigs"]
    return [config["EndpointConfigName"] for config in found]


def endpoint(cloud: RunningCloud) -> Any:
    return cloud.client("sagemaker").describe_endpoint(EndpointName=cloud.outputs["EndpointName"])


def test_the_model_answers_at_its_own_address(cloud: RunningCloud) -> None:
    # Other tests kill the model server, and the next one has another address.
    address = eventually(lambda: cloud.model_url, what="a model server")
    with urllib.request.urlopen(f"{address}/ping", timeout=30) as answer:  # noqa: S310 - our own http address
        assert answer.status == 200


def test_a_chunk_is_scored_and_its_end_is_announced(cloud: RunningCloud) -> None:
    s3, bucket = cloud.client("s3"), cloud.outputs["Bucket"]
    rows = "1062,Beverages,Fruit Juice Mango,110,0.878183107,0,0,2018-01-01\n" * 3
    s3.put_object(Bucket=bucket, Key="in.csv", Body=rows.encode())
    answer = cloud.client("sagemaker-runtime").invoke_endpoint_async(
        EndpointName=cloud.outputs["EndpointName"],
        InputLocation=f"s3://{bucket}/in.csv",
        ContentType="text/csv",
        InferenceId="three-rows",
    )

    def look() -> bool:
        found = cloud.client("sqs").receive_message(
            QueueUrl=cloud.outputs["SucceededQueueUrl"], WaitTimeSeconds=1, MaxNumberOfMessages=10
        )
        bodies = [json.loads(message["Body"]) for message in found.get("Messages", [])]
        return any(body.get("inferenceId") == "three-rows" for body in bodies)

    eventually(look, what="the notification")
    key = answer["OutputLocation"].removeprefix(f"s3://{bucket}/")
    assert len(s3.get_object(Bucket=bucket, Key=key)["Body"].read().split()) == 3


def test_a_changed_configuration_is_replaced_and_the_old_one_removed(cloud: RunningCloud) -> None:
    (before,) = configs(cloud)
    assert update(cloud, Concurrency="6") == "UPDATE_COMPLETE"
    (after,) = configs(cloud)
    assert after != before
    assert (endpoint(cloud)["EndpointConfigName"], endpoint(cloud)["EndpointStatus"]) == (after, "InService")


def test_a_refused_update_leaves_the_endpoint_as_it_was(cloud: RunningCloud) -> None:
    before = configs(cloud)
    assert update(cloud, Concurrency="7000") == "UPDATE_ROLLBACK_COMPLETE"
    assert configs(cloud) == before
    assert (endpoint(cloud)["EndpointConfigName"], endpoint(cloud)["EndpointStatus"]) == (before[0], "InService")


def test_an_update_of_one_function_leaves_the_endpoint_alone(cloud: RunningCloud) -> None:
    before = endpoint(cloud)["LastModifiedTime"]
    assert update(cloud, Greeting="moin") == "UPDATE_COMPLETE"
    variables = cloud.client("lambda").get_function_configuration(FunctionName=cloud.functions["CountWords"])
    assert variables["Environment"]["Variables"]["GREETING"] == "moin"
    assert endpoint(cloud)["LastModifiedTime"] == before
