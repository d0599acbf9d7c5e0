"""A failed deployment reports why and rolls back, a first one and an update alike."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tailrace_core.jobs.model import JobState
from tailrace_local.errors import DeployError
from tests.integration.deployment.conftest import ROWS, Base
from tests.integration.deployment.inventory import inventory
from tests.integration.deployment.models import DemoModel, finished_job, make_job, tell
from tests.integration.deployment.stacks import UNWATCHED, Stack

pytestmark = pytest.mark.cloud

# An environment with which the container does not start, and an image that does not exist.
SICK = {"ModelEnvironment": '{"MAX_CONTENT_LENGTH": "plenty"}'}
CONTRADICTORY = {"MaxInstanceCount": "1", "MinInstanceCount": "2"}
UNKNOWN = {"ModelImage": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/nobodys/model:1"}


@pytest.fixture(scope="module")
def template(base: Base) -> str:
    """The root template as the SAM CLI packaged it, by its address in S3."""
    cloud = base.stack.cloud
    found = cloud.client("cloudformation").get_template(StackName=base.stack.name)["TemplateBody"]
    body = found if isinstance(found, str) else json.dumps(found)
    bucket = f"tailrace-artifacts-{cloud.facts.account_id}-{cloud.region}"
    cloud.client("s3").put_object(Bucket=bucket, Key="packaged.template", Body=body.encode())
    return f"{cloud.endpoint_url}/{bucket}/packaged.template"


@contextmanager
def nothing_left(stack: Stack) -> Iterator[None]:
    """Assert that a failed first deployment leaves nothing but its stack, and delete that.

    The same name can then be deployed again.
    """
    before = inventory(stack.cloud)
    yield
    left = {item for item in inventory(stack.cloud) - before if not item.startswith("log group /aws/sagemaker/")}
    assert left == set()
    stack.delete()
    assert stack.status() is None


def test_a_pipeline_that_nobody_insisted_on_is_refused_with_what_to_do(base: Base, demo: DemoModel) -> None:
    stack = base.stack.beside("refused")
    job = finished_job(stack.cloud, "pipeline", demo.containers(2))
    with nothing_left(stack):
        with pytest.raises(DeployError) as refused:
            stack.deploy({"AutoMLJobName": job, **UNWATCHED})
        assert stack.status() == "ROLLBACK_COMPLETE"
        told = root_reasons(stack)
    for advice in (
        "a serial pipeline of 2 containers",
        "Mode ENSEMBLING",
        "real-time endpoint",
        "AllowSerialPipeline=true",
    ):
        assert advice in told
        assert advice in str(refused.value)


def root_reasons(stack: Stack) -> str:
    """Return the root stack's reasons for the model's source: `sam deploy` shows no others."""
    events = stack.cloud.client("cloudformation").describe_stack_events(StackName=stack.name)["StackEvents"]
    found = [event for event in events if event["LogicalResourceId"] == "ModelSource"]
    return "\n".join(event.get("ResourceStatusReason", "") for event in found)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        pytest.param(SICK, "did not pass the ping health check", id="a container that does not start"),
        pytest.param(UNKNOWN, "nobodys/model", id="an image that nobody knows"),
    ],
)
def test_a_first_deployment_that_fails_is_rolled_back_and_says_why(
    base: Base, demo: DemoModel, template: str, parameters: dict[str, str], reason: str
) -> None:
    stack = base.stack.beside("first")
    with nothing_left(stack):
        assert stack.create(template, **{**demo.parameters(), **UNWATCHED, **parameters}) == "ROLLBACK_COMPLETE"
        assert reason in stack.reasons()


def test_parameters_that_contradict_each_other_are_refused_before_anything_is_made(
    base: Base, demo: DemoModel, template: str
) -> None:
    stack = base.stack.beside("contradictory")
    before = inventory(stack.cloud)
    with pytest.raises(ClientError, match="Give exactly one of AutoMLJobName"):
        stack.create(template, **demo.parameters(), EndpointName="another")
    assert inventory(stack.cloud) == before


@contextmanager
def refusing(stack: Stack) -> Iterator[None]:
    """Have the topic of successes refuse the endpoint's role."""
    sns, topic = stack.cloud.client("sns"), stack.outputs["SucceededTopic"]
    before = sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"]
    statement = {"Effect": "Deny", "Principal": "*", "Action": "sns:Publish", "Resource": topic}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(policy))
    try:
        yield
    finally:
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=before)


def state(stack: Stack) -> dict[str, Any]:
    """Return the state that a failed update must leave unchanged."""
    endpoint = stack.endpoint()
    kept = ("EndpointConfigName", "EndpointStatus", "ProductionVariants")
    return {
        "inventory": {item for item in inventory(stack.cloud) if not item.startswith("log group /aws/sagemaker/")},
        "resources": stack.resources(),
        **{name: endpoint[name] for name in kept},
    }


def failed_job(stack: Stack) -> str:
    make_job(stack.cloud, "failed")
    tell(stack.cloud, "failed", {"AutoMLJobStatus": "Failed", "FailureReason": "the target is constant"})
    return "failed"


def test_updates_that_fail_leave_the_stack_as_it_was_and_say_why(base: Base) -> None:
    stack = base.stack
    before = state(stack)
    job = {"AutoMLJobName": failed_job(stack), "ModelImage": "", "ModelDataUrl": "", "ModelEnvironment": ""}
    for parameters, reason in (
        (SICK, "did not pass the ping health check"),
        (UNKNOWN, "nobodys/model"),
        (job, "the AutoML job failed is Failed: the target is constant"),
        (CONTRADICTORY, "MinInstanceCount=2 is above MaxInstanceCount=1"),
    ):
        assert stack.change(**parameters) == "UPDATE_ROLLBACK_COMPLETE"
        assert reason in stack.reasons()
        assert state(stack) == before
    with refusing(stack):
        assert stack.change(MaxConcurrentInvocationsPerInstance="7") == "UPDATE_ROLLBACK_COMPLETE"
    assert "could not publish to the topic" in stack.reasons()
    assert state(stack) == before
    job_after, predictions = stack.score(ROWS[:50])
    assert (job_after.state, predictions) == (JobState.COMPLETED, base.expected(ROWS[:50]))
