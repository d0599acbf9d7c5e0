"""The role of infra/deployer.yaml deploys with IAM enforced; taking away an action makes a step fail.

Every stack of this folder is deployed with that role. Here the role's sessions lack an action each,
and deploy small stacks of one resource.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tailrace_local.cloud.iam.access_log import read_decisions
from tests.infra.deployer.needed import needed
from tests.integration.deployment.conftest import Base
from tests.integration.deployment.deployer import STACK_NAME, Deployer
from tests.integration.deployment.stacks import CAPABILITIES, Stack

pytestmark = pytest.mark.cloud

TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/Endpoint-1/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    "MinCapacity": 0,
    "MaxCapacity": 2,
}
# The action taken away, and the resource whose creation then fails.
REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "sqs:CreateQueue": ("AWS::SQS::Queue", {}),
    "s3:PutEncryptionConfiguration": ("AWS::S3::Bucket", {}),
    "iam:CreateRole": ("AWS::IAM::Role", {"AssumeRolePolicyDocument": {"Statement": [TRUST]}}),
    "kms:PutKeyPolicy": ("AWS::KMS::Key", {"KeyPolicy": {"Statement": []}}),
    "iam:CreateServiceLinkedRole": ("AWS::ApplicationAutoScaling::ScalableTarget", TARGET),
    "scheduler:CreateScheduleGroup": ("AWS::Scheduler::ScheduleGroup", {}),
    "lambda:InvokeFunction": (
        "Custom::Model",
        {"ServiceToken": f"arn:aws:lambda:eu-west-1:000000000000:function:{STACK_NAME}-ProvideModel"},
    ),
}


def made(stack: Stack, kind: str, properties: dict[str, Any]) -> str:
    """Create the stack with one resource; return its final state."""
    template = {"Resources": {"Only": {"Type": kind, "Properties": properties}}}
    stack.cloudformation.create_stack(
        StackName=stack.name, TemplateBody=json.dumps(template), Capabilities=CAPABILITIES
    )
    return stack.settled()


@pytest.mark.parametrize("action", REFUSED)
def test_without_an_action_the_resource_that_needs_it_is_not_made(
    blank: Stack, deployer: Deployer, action: str
) -> None:
    kind, properties = REFUSED[action]
    assert action in {*needed(kind, "create"), *needed(kind, "read")}
    stack = blank.beside("one").deployed_with(deployer.credentials(without=[action]))
    try:
        assert made(stack, kind, properties) == "ROLLBACK_COMPLETE"
        assert f"is not authorized to perform: {action} " in stack.reasons()
    finally:
        blank.beside("one").delete()


@pytest.fixture
def queue(blank: Stack) -> Iterator[Stack]:
    """A stack of one queue, made by the role with everything that it has."""
    stack = blank.beside("queue")
    assert made(stack, "AWS::SQS::Queue", {}) == "CREATE_COMPLETE"
    yield stack
    stack.delete()


def test_without_its_action_a_resource_is_neither_changed_nor_deleted(queue: Stack, deployer: Deployer) -> None:
    template = {"Resources": {"Only": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 7}}}}
    poor = queue.deployed_with(deployer.credentials(without=["sqs:SetQueueAttributes", "sqs:DeleteQueue"]))
    poor.cloudformation.update_stack(StackName=poor.name, TemplateBody=json.dumps(template))
    assert poor.settled() == "UPDATE_ROLLBACK_COMPLETE"
    assert "sqs:SetQueueAttributes" in poor.reasons()
    poor.cloudformation.delete_stack(StackName=poor.name)
    assert poor.settled() == "DELETE_FAILED"
    assert "sqs:DeleteQueue" in poor.reasons()


@pytest.mark.parametrize("name", ["payroll", "tailrac", "tailrace2"])
def test_a_stack_of_another_name_is_refused(blank: Stack, name: str) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        replace(blank, name=name).create("https://nowhere.example/template")


def test_a_change_set_is_not_made_without_the_permission(blank: Stack, deployer: Deployer) -> None:
    poor = blank.beside("change").deployed_with(deployer.credentials(without=["cloudformation:CreateChangeSet"]))
    with pytest.raises(ClientError, match="cloudformation:CreateChangeSet"):
        poor.cloudformation.create_change_set(
            StackName=poor.name, ChangeSetName="first", ChangeSetType="CREATE", TemplateBody="{}"
        )


def test_an_endpoint_is_not_updated_without_the_permission(base: Base, deployer: Deployer) -> None:
    poor = base.stack.deployed_with(deployer.credentials(without=["sagemaker:UpdateEndpoint"]))
    assert poor.change(MaxConcurrentInvocationsPerInstance="7") == "UPDATE_ROLLBACK_COMPLETE"
    assert "is not authorized to perform: sagemaker:UpdateEndpoint " in poor.reasons()


def test_the_role_deployed_the_whole_stack(base: Base, deployer: Deployer) -> None:
    decisions, _ = read_decisions(base.stack.cloud.state_dir)
    mine = [each for each in decisions if each.principal == deployer.role]
    services = {each.action.partition(":")[0] for each in mine}
    assert services >= {"cloudformation", "s3", "sqs", "sns", "dynamodb", "lambda", "iam", "logs", "sagemaker"}
    assert {"iam:PassRole", "lambda:InvokeFunction", "scheduler:CreateSchedule"} <= {each.action for each in mine}
