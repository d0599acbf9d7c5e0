"""Executions of the small application's state machine, which invokes a function for each item."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tailrace_local.testing import RunningCloud
from tests.integration.local.polling import eventually

Item = Mapping[str, Any]


class Machine:
    """The state machine of one cloud."""

    def __init__(self, cloud: RunningCloud, client: Any = None) -> None:
        self.cloud = cloud
        self.client = client or cloud.client("stepfunctions")

    def put(self, name: str, items: Sequence[Item], prefix: str = "lists") -> str:
        """Put a list of items; return the key."""
        body = "".join(json.dumps(item) + "\n" for item in items)
        key = f"{prefix}/{name}.jsonl"
        self.cloud.client("s3").put_object(Bucket=self.cloud.outputs["StripedBucket"], Key=key, Body=body.encode())
        return key

    def start(self, name: str, key: str, at_once: int = 4) -> str:
        """Start an execution; return its ARN."""
        given = json.dumps({"key": key, "at_once": at_once})
        found = self.client.start_execution(stateMachineArn=self.cloud.outputs["StateMachine"], name=name, input=given)
        return str(found["executionArn"])

    def run(self, name: str, items: Sequence[Item], at_once: int = 4) -> Mapping[str, Any]:
        """Run an execution to its end; return DescribeExecution's answer."""
        return self.ended(self.start(name, self.put(name, items), at_once))

    def ended(self, arn: str) -> Mapping[str, Any]:
        """Wait for the end of an execution; return DescribeExecution's answer."""

        def look() -> Mapping[str, Any] | None:
            found: Mapping[str, Any] = self.client.describe_execution(executionArn=arn)
            return None if found["status"] == "RUNNING" else found

        return eventually(look, what=f"the end of {arn}") or {}

    def map_run(self, arn: str) -> Mapping[str, Any] | None:
        """Return DescribeMapRun's answer for the only map run of an execution, once there is one."""
        found = self.client.list_map_runs(executionArn=arn)["mapRuns"]
        return self.client.describe_map_run(mapRunArn=found[0]["mapRunArn"]) if found else None


def received(cloud: RunningCloud, wanted: Any, count: int = 1) -> list[Any]:
    """Return events of the small application's queue that `wanted` accepts, once there are `count`."""
    sqs, url, found = cloud.client("sqs"), cloud.outputs["EventsQueueUrl"], list[Any]()

    def look() -> bool:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            event = json.loads(message["Body"])
            if wanted(event):
                found.append(event)
        return len(found) >= count

    eventually(look, what=f"{count} events")
    return found
