"""A nested stack is deployed, rolled back, cleaned up and deleted as CloudFormation does it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tailrace_local.testing import RunningCloud
from tests.integration.local.polling import eventually

pytestmark = pytest.mark.cloud

Json = dict[str, Any]
ROLE = "arn:aws:iam::123456789012:role/nobody"


def resource(kind: str, properties: Json, **more: Any) -> Json:
    return {"Type": kind, "Properties": properties, **more}


CHILD = {
    "Parameters": {name: {"Type": "String"} for name in ("Image", "Timeout", "Extra", "Breaks")},
    "Conditions": {name: {"Fn::Equals": [{"Ref": name}, "yes"]} for name in ("Extra", "Breaks")},
    "Resources": {
        "Queue": resource("AWS::SQS::Queue", {"VisibilityTimeout": {"Ref": "Timeout"}}),
        "Extra": resource("AWS::SQS::Queue", {}, Condition="Extra"),
        "Kept": resource("AWS::SQS::Queue", {}, DeletionPolicy="RetainExceptOnCreate"),
        "Model": resource(
            "AWS::SageMaker::Model", {"ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": {"Ref": "Image"}}}
        ),
        "Broken": resource(
            "AWS::SageMaker::EndpointConfig",
            {"ProductionVariants": [{"VariantName": "a", "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]}}]},
            Condition="Breaks",
            DependsOn=["Queue", "Extra", "Kept"],
        ),
    },
    "Outputs": {"Model": {"Value": {"Fn::GetAtt": ["Model", "ModelName"]}}},
}
ROOT_FAILS = resource(
    "AWS::SageMaker::EndpointConfig",
    {"ProductionVariants": [{"VariantName": "a", "ModelName": {"Fn::GetAtt": ["Child", "Outputs.Model"]}}]},
)


@dataclass
class Stack:
    """A root stack with one child, and its resources."""

    cloud: RunningCloud
    name: str
    asked: dict[str, str] = field(
        default_factory=lambda: {"Image": "one", "Timeout": "30", "Extra": "no", "Breaks": "no"}
    )

    @property
    def bucket(self) -> str:
        return f"templates-{self.name}"

    def deploy(self, *, then: Json | None = None, **changed: str) -> str:
        """The state after creating it, or updating it with these parameters of the child."""
        self.asked = {**self.asked, **changed}
        child = resource(
            "AWS::CloudFormation::Stack",
            {"TemplateURL": f"{self.cloud.endpoint_url}/{self.bucket}/child.json", "Parameters": self.asked},
        )
        root = {"Resources": {"Child": child, **({"After": then} if then else {})}}
        stacks = self.cloud.client("cloudformation")
        act = stacks.update_stack if self.status() else stacks.create_stack
        act(StackName=self.name, TemplateBody=json.dumps(root))
        return eventually(self.ended, what=f"the end of {self.name}'s change") or ""

    def status(self) -> str | None:
        found = self.cloud.client("cloudformation").list_stacks()["StackSummaries"]
        states = [stack["StackStatus"] for stack in found if stack["StackName"] == self.name]
        return states[0] if states and states[0] != "DELETE_COMPLETE" else None

    def ended(self) -> str | None:
        status = self.status()
        return status if status and not status.endswith("IN_PROGRESS") else None

    def delete(self) -> None:
        self.cloud.client("cloudformation").delete_stack(StackName=self.name)
        eventually(lambda: self.status() is None, what=f"the deletion of {self.name}")

    def events(self, stack: str | None = None) -> list[tuple[str, str, str]]:
        """Resource, state and reason, oldest first."""
        found = self.cloud.client("cloudformation").describe_stack_events(StackName=stack or self.name)["StackEvents"]
        return [
            (event["LogicalResourceId"], event["ResourceStatus"], event.get("ResourceStatusReason", ""))
            for event in reversed(found)
        ]

    def held(self) -> dict[str, str]:
        """The child's resources: physical ids by logical id."""
        (child,) = self.resources(self.name).values()
        return self.resources(child)

    def resources(self, stack: str) -> dict[str, str]:
        found = self.cloud.client("cloudformation").list_stack_resources(StackName=stack)["StackResourceSummaries"]
        return {
            one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found if one["LogicalResourceId"] != "After"
        }

    def queues(self) -> set[str]:
        urls = self.cloud.client("sqs").list_queues().get("QueueUrls", [])
        return {url.rsplit("/", 1)[-1] for url in urls if f"/{self.name}-" in url}

    def models(self) -> set[str]:
        return {model["ModelName"] for model in self.cloud.client("sagemaker").list_models(MaxResults=100)["Models"]}

    def timeout(self) -> str:
        attributes = self.cloud.client("sqs").get_queue_attributes(
            QueueUrl=self.held()["Queue"], AttributeNames=["VisibilityTimeout"]
        )
        return str(attributes["Attributes"]["VisibilityTimeout"])


@pytest.fixture
def stack(cloud: RunningCloud) -> Iterator[Stack]:
    made = Stack(cloud, f"nested-{uuid.uuid4().hex[:8]}")
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=made.bucket, CreateBucketConfiguration={"LocationConstraint": cloud.region})
    s3.put_object(Bucket=made.bucket, Key="child.json", Body=json.dumps(CHILD).encode())
    before = made.models()
    yield made
    if made.status():
        made.delete()
    assert made.models() == before


def test_a_child_that_fails_takes_back_what_it_made_and_its_events_say_why(stack: Stack) -> None:
    assert stack.deploy(Breaks="yes") == "ROLLBACK_COMPLETE"
    assert stack.queues() == set()
    (reason,) = [reason for name, status, reason in stack.events() if (name, status) == ("Child", "CREATE_FAILED")]
    assert "was not successfully created: The following resource(s) failed to create: [Broken]." in reason
    child = reason.split()[2]
    assert [state for _, state, _ in stack.events(child) if "ROLLBACK" in state] == [
        "ROLLBACK_IN_PROGRESS",
        "ROLLBACK_COMPLETE",
    ]
    assert ("Broken", "CREATE_FAILED") in [(name, state) for name, state, _ in stack.events(child)]
    assert "needs InitialInstanceCount" in str(stack.events(child))


def test_an_update_that_fails_in_the_child_leaves_the_child_as_it_was(stack: Stack) -> None:
    stack.deploy()
    before, models = stack.held(), stack.models()
    assert stack.deploy(Image="two", Timeout="45", Extra="yes", Breaks="yes") == "UPDATE_ROLLBACK_COMPLETE"
    assert (stack.held(), stack.models(), stack.timeout()) == (before, models, "30")
    assert "failed to update: [Broken]" in str(stack.events())


def test_an_update_that_fails_after_the_child_takes_the_child_back(stack: Stack) -> None:
    stack.deploy(Extra="yes")
    before, models = stack.held(), stack.models()
    assert stack.deploy(Image="two", Timeout="45", Extra="no", then=ROOT_FAILS) == "UPDATE_ROLLBACK_COMPLETE"
    assert (stack.held(), stack.models(), stack.timeout()) == (before, models, "30")
    assert {name.rsplit("/", 1)[-1] for name in before.values() if "/" in name} >= stack.queues()
    assert len(stack.queues()) == 3
    assert stack.deploy(Extra="yes", Timeout="30", Image="two") == "UPDATE_COMPLETE"
    assert len(stack.models()) == len(models)


def test_replaced_and_removed_resources_are_deleted_when_the_root_has_succeeded(stack: Stack) -> None:
    stack.deploy(Extra="yes")
    before, models = stack.held(), stack.models()
    assert stack.deploy(Image="two", Timeout="45", Extra="no") == "UPDATE_COMPLETE"
    after = stack.held()
    assert {name for name in before if before[name] != after.get(name)} == {"Model", "Extra"}
    assert (len(stack.models()), len(stack.queues()), stack.timeout()) == (len(models), 2, "45")
    ends = [state for name, state, _ in stack.events() if name == stack.name and state.startswith("UPDATE")]
    assert ends == ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"]


def test_an_update_that_changes_nothing_in_the_child_touches_nothing_there(stack: Stack) -> None:
    stack.deploy()
    before = stack.held()
    assert stack.deploy(then=resource("AWS::SQS::Queue", {})) == "UPDATE_COMPLETE"
    assert stack.held() == before


def test_a_deleted_child_leaves_what_its_template_retains(stack: Stack) -> None:
    stack.deploy(Extra="yes")
    kept = stack.held()["Kept"].rsplit("/", 1)[-1]
    stack.delete()
    assert stack.queues() == {kept}
