"""The policies of the real infra/endpoint.yaml on an endpoint of the emulator.

From zero, with a burst, to zero.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tailrace_local.control.fault_admin import CloudFaultPlan, FaultAdmin
from tailrace_local.testing import RunningCloud
from tests.infra.resolution import resolve
from tests.infra.templates import endpoint as endpoint_template
from tests.integration.local.polling import eventually

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(900)]

# A minute takes a second: the cooldown for scaling in, 900 s, takes fifteen.
TIME_SCALE = 1 / 60
POLICIES = ("ScalableTarget", "FollowBacklog", "LeaveZero", "BacklogWithoutCapacity")
STACK = "scaling"
REQUESTS = 60
MAXIMUM = 3
ROW = "1062,Beverages,Fruit Juice Mango,110,0.878183107,0,0,2018-01-01\n"


class Scene:
    """The application's endpoint under the real policies."""

    def __init__(self, cloud: RunningCloud) -> None:
        self.cloud = cloud
        self.name = cloud.outputs["EndpointName"]
        self._sagemaker = cloud.client("sagemaker")

    def deploy(self) -> None:
        """A stack of the four resources as they stand in the template.

        Only where they point is put in.
        """
        known = {("Endpoint", "EndpointName"): self.name}
        given = {name: "" for name, each in endpoint_template().body["Parameters"].items() if "Default" not in each}
        resolved = resolve(
            endpoint_template(), {**given, "MaxInstanceCount": str(MAXIMUM)}, lambda *asked: known.get(asked)
        )
        template = {"Resources": {name: resolved.body["Resources"][name] for name in POLICIES}}
        stacks = self.cloud.client("cloudformation")
        stacks.create_stack(StackName=STACK, TemplateBody=json.dumps(template))
        stacks.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60})

    def remove(self) -> None:
        stacks = self.cloud.client("cloudformation")
        stacks.delete_stack(StackName=STACK)
        stacks.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60})

    def variant(self) -> dict[str, Any]:
        described = self._sagemaker.describe_endpoint(EndpointName=self.name)
        return {**described["ProductionVariants"][0], "Status": described["EndpointStatus"]}

    def scale(self, count: int) -> None:
        wanted = [{"VariantName": "AllTraffic", "DesiredInstanceCount": count}]
        eventually(lambda: self.variant()["Status"] == "InService", what="the endpoint to take a change")
        self._sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=self.name, DesiredWeightsAndCapacities=wanted
        )
        eventually(lambda: self.in_service() == count, what=f"{count} instances")

    def in_service(self) -> int | None:
        """Return the number of instances in service; None while it changes."""
        found = self.variant()
        return int(found["CurrentInstanceCount"]) if found["Status"] == "InService" else None

    def burst(self) -> set[str]:
        """Many requests at once; the keys of the answers to come."""
        s3, bucket = self.cloud.client("s3"), self.cloud.outputs["Bucket"]
        s3.put_object(Bucket=bucket, Key="burst.csv", Body=ROW.encode())
        runtime = self.cloud.client("sagemaker-runtime")
        location = f"s3://{bucket}/burst.csv"
        answers = [
            runtime.invoke_endpoint_async(EndpointName=self.name, InputLocation=location, ContentType="text/csv")
            for _ in range(REQUESTS)
        ]
        return {answer["OutputLocation"].removeprefix(f"s3://{bucket}/") for answer in answers}

    def answered(self) -> set[str]:
        pages = (
            self.cloud.client("s3")
            .get_paginator("list_objects_v2")
            .paginate(Bucket=self.cloud.outputs["Bucket"], Prefix="outputs/")
        )
        return {found["Key"] for page in pages for found in page.get("Contents", [])}

    def activities(self) -> list[dict[str, Any]]:
        """Oldest first."""
        client = self.cloud.client("application-autoscaling")
        found = client.describe_scaling_activities(
            ServiceNamespace="sagemaker", ResourceId=f"endpoint/{self.name}/variant/AllTraffic"
        )
        return list(reversed(found["ScalingActivities"]))

    def at_rest(self) -> bool:
        """Return whether no change is in progress."""
        return not any(each["StatusCode"] == "InProgress" for each in self.activities())


@pytest.fixture
def scene(cloud: RunningCloud) -> Iterator[Scene]:
    made, faults = Scene(cloud), FaultAdmin(cloud.own_url, cloud.token)
    slow = {"sagemaker": {"rules": [{"do": {"kind": "slow", "seconds": 2.0}}]}}
    made.scale(0)
    made.deploy()
    try:
        faults.set(CloudFaultPlan.read(json.dumps(slow)))
        with cloud.time_scaled(TIME_SCALE):
            yield made
    finally:
        faults.clear()
        made.remove()
        made.scale(1)


def test_a_burst_takes_an_endpoint_from_zero_to_its_bound_and_back_to_zero(scene: Scene) -> None:
    asked = scene.burst()
    seen: set[int | None] = set()

    def look() -> bool:
        seen.add(found := scene.in_service())
        return asked <= scene.answered() and found == 0 and scene.at_rest()

    eventually(look, within_s=240, what="every answer and no instance")
    # Polling may miss a count that did not last.
    activities = scene.activities()
    counts = [0, *(int(each["Description"].split()[-1].rstrip(".")) for each in activities)]
    assert seen >= {0, MAXIMUM}
    assert counts[:2] == [0, 1]
    assert max(counts) == MAXIMUM
    assert counts[-1] == 0
    peak = counts.index(MAXIMUM)
    assert counts[: peak + 1] == sorted(counts[: peak + 1])
    assert counts[peak:] == sorted(counts[peak:], reverse=True)
    first, *others = activities
    assert "triggered policy LeaveZero" in first["Cause"]
    assert {"Successful"} == {each["StatusCode"] for each in (first, *others)}
    assert all("triggered policy FollowBacklog" in each["Cause"] for each in others)
