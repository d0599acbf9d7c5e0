"""The emulator's answers fit the service's model, and its event has the members of AWS's example."""

from __future__ import annotations

from typing import Any

import pytest

from tailrace_local.emulator_base.shapes import check, service_model
from tailrace_local.sagemaker.inference.transform.jobs import TransformJob, TransformStatus
from tailrace_local.sagemaker.inference.transform.state_events import event_detail
from tailrace_local.sagemaker.records import Model, ServerlessSettings

ARN = "arn:aws:sagemaker:eu-west-1:123456789012"
REQUEST: dict[str, Any] = {
    "TransformJobName": "tailrace-01-r0",
    "ModelName": "demand",
    "MaxConcurrentTransforms": 5,
    "MaxPayloadInMB": 10,
    "BatchStrategy": "SingleRecord",
    "ModelClientConfig": {"InvocationsTimeoutInSeconds": 60, "InvocationsMaxRetries": 1},
    "Environment": {"COLOUR": "blue"},
    "TransformInput": {
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/in/"}},
        "ContentType": "text/csv",
        "CompressionType": "None",
        "SplitType": "None",
    },
    "TransformOutput": {"S3OutputPath": "s3://b/out", "Accept": "text/csv", "AssembleWith": "None"},
    "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
}
# The detail of AWS's example event: "SageMaker transform job state change" in its guide.
EXAMPLE = {
    *("TransformJobName", "TransformJobArn", "TransformJobStatus", "FailureReason", "ModelName"),
    *("MaxConcurrentTransforms", "MaxPayloadInMB", "BatchStrategy", "Environment", "TransformInput"),
    *("TransformOutput", "TransformResources", "CreationTime", "TransformStartTime", "TransformEndTime", "Tags"),
}


@pytest.fixture(params=list(TransformStatus))
def job(request: pytest.FixtureRequest) -> TransformJob:
    model = Model("demand", f"{ARN}:model/demand", {}, 1.0)
    made = TransformJob("tailrace-01-r0", f"{ARN}:transform-job/tailrace-01-r0", REQUEST, model, 1.0, request.param)
    made.started_s = 2.0
    if not made.running:
        made.ended_s = 3.5
    if made.status is TransformStatus.FAILED:
        made.failure_reason = "ClientError: See job logs for more information"
    return made


def test_a_job_is_described_and_listed_as_the_model_says(job: TransformJob) -> None:
    sagemaker = service_model("sagemaker")
    check(sagemaker.operation_model("CreateTransformJob").input_shape, REQUEST)
    described = job.described()
    shape = sagemaker.operation_model("DescribeTransformJob").output_shape
    check(shape, described)
    assert set(described) <= set(shape.members if shape else ())
    listed: Any = sagemaker.shape_for("TransformJobSummary")
    check(listed, job.summary())
    assert set(job.summary()) <= set(listed.members)


def test_the_event_has_the_members_of_awss_example(job: TransformJob) -> None:
    detail = event_detail(job, {"team": "a"})
    ended = set() if job.running else {"TransformEndTime"}
    failed = {"FailureReason"} if job.status is TransformStatus.FAILED else set()
    assert EXAMPLE - {"TransformEndTime", "FailureReason"} | ended | failed == set(detail) - {"ModelClientConfig"}
    assert (detail["CreationTime"], detail["Tags"]) == (1000, {"team": "a"})


@pytest.mark.parametrize("provisioned", [0, 2])
def test_serverless_settings_are_shown_as_the_model_says(provisioned: int) -> None:
    shown = ServerlessSettings(2048, 5, provisioned).shown()
    check(service_model("sagemaker").shape_for("ProductionVariantServerlessConfig"), shown)
    assert ServerlessSettings.read(shown) == ServerlessSettings(2048, 5, provisioned)
