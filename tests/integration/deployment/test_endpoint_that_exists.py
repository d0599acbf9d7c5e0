"""A stack for an existing endpoint with a role of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tailrace_core.jobs.model import JobState
from tests.integration.deployment.conftest import ROWS, Base
from tests.integration.deployment.models import DemoModel
from tests.integration.deployment.stacks import UNWATCHED, Stack, discard
from tests.integration.local.polling import eventually

pytestmark = pytest.mark.cloud

NAME = "somebodys-endpoint"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def allow(action: str | list[str], *resources: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": list(resources)}


@pytest.fixture
def beside(base: Base, demo: DemoModel) -> Iterator[Stack]:
    """The stack, and the endpoint that writes to its bucket and publishes to its topics."""
    stack = base.stack.beside("existing")
    iam, sagemaker = stack.cloud.client("iam"), stack.cloud.client("sagemaker")
    role = iam.create_role(RoleName=NAME, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    kept: set[str] = set()
    try:
        outputs = stack.deploy({"EndpointName": NAME, "EndpointRoleArn": role, **UNWATCHED}).outputs
        kept = {f"bucket {outputs['Bucket']}", f"table {outputs['LedgerTable']}"}
        bucket, archive = f"arn:aws:s3:::{outputs['Bucket']}", demo.data_url.removeprefix("s3://")
        statements = [
            allow("s3:GetObject", f"{bucket}/v1/jobs/*", f"arn:aws:s3:::{archive}"),
            allow("s3:PutObject", f"{bucket}/v1/outputs/*", f"{bucket}/v1/failures/*"),
            allow("s3:ListBucket", bucket),
            allow("sns:Publish", outputs["SucceededTopic"], outputs["FailedTopic"]),
            allow(["ecr:*", "logs:*", "cloudwatch:PutMetricData"], "*"),
        ]
        policy = {"Version": "2012-10-17", "Statement": statements}
        iam.put_role_policy(RoleName=NAME, PolicyName="Score", PolicyDocument=json.dumps(policy))
        make_endpoint(sagemaker, demo, role, outputs)
        yield stack
    finally:
        stack.delete()
        discard(stack.cloud, kept)
        for delete, member in (
            (sagemaker.delete_endpoint, "EndpointName"),
            (sagemaker.delete_endpoint_config, "EndpointConfigName"),
            (sagemaker.delete_model, "ModelName"),
        ):
            delete(**{member: NAME})
        iam.delete_role_policy(RoleName=NAME, PolicyName="Score")
        iam.delete_role(RoleName=NAME)


def make_endpoint(sagemaker: Any, demo: DemoModel, role: str, outputs: dict[str, str]) -> None:
    container = {"Image": demo.image, "ModelDataUrl": demo.data_url}
    sagemaker.create_model(ModelName=NAME, ExecutionRoleArn=role, PrimaryContainer=container)
    topics = {"SuccessTopic": outputs["SucceededTopic"], "ErrorTopic": outputs["FailedTopic"]}
    sagemaker.create_endpoint_config(
        EndpointConfigName=NAME,
        ProductionVariants=[
            {"VariantName": "AllTraffic", "ModelName": NAME, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        ],
        AsyncInferenceConfig={
            "OutputConfig": {
                "S3OutputPath": f"s3://{outputs['Bucket']}/v1/outputs",
                "S3FailurePath": f"s3://{outputs['Bucket']}/v1/failures",
                "NotificationConfig": topics,
            }
        },
    )
    sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)

    def look() -> bool:
        described = sagemaker.describe_endpoint(EndpointName=NAME)
        assert described["EndpointStatus"] != "Failed", described
        return bool(described["EndpointStatus"] == "InService")

    eventually(look, within_s=120, what="the endpoint in service")


def test_a_job_is_scored_by_an_endpoint_that_was_there(beside: Stack, base: Base) -> None:
    job, predictions = beside.score(ROWS)
    assert (job.state, job.rows_scored) == (JobState.COMPLETED, len(ROWS))
    assert predictions == base.expected(ROWS)
    assert "Endpoint" not in beside.resources()
