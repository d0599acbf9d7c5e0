"""CreateTransformJob: every request is within AWS's limits, as botocore's model states them."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.validate import validate_parameters
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.jobs.model import JobSettings
from tailrace_core.transforms.requests import MAX_TOTAL_MIB, TransformFleet, create_request
from tests.unit.core.strategies import JOB

FLEET = TransformFleet(model="demand", instance_type="ml.m5.large", instance_count=2)
SHAPE: Any = (
    botocore.session.get_session().get_service_model("sagemaker").operation_model("CreateTransformJob").input_shape
)


@given(st.integers(1, 100 * 1024 * 1024), st.integers(1, 3_600), st.integers(0, 200))
def test_a_request_is_within_the_limits(chunk_bytes: int, timeout_s: int, number: int) -> None:
    settings = JobSettings(endpoint_name="", chunk_bytes=chunk_bytes, invocation_timeout_s=timeout_s)
    made = create_request(JOB, number, settings, FLEET, bucket="bucket")
    validate_parameters(made, SHAPE)
    assert made["MaxPayloadInMB"] * made["MaxConcurrentTransforms"] <= MAX_TOTAL_MIB
    assert made["MaxConcurrentTransforms"] >= 1
    assert made["MaxPayloadInMB"] * 1024 * 1024 >= chunk_bytes
    assert made["TransformInput"]["SplitType"] == "None"
    assert len(made["TransformJobName"]) <= 63


@pytest.mark.parametrize(
    ("number", "kind", "source"),
    [
        (0, "S3Prefix", f"s3://bucket/v1/jobs/{JOB}/input/"),
        (3, "ManifestFile", f"s3://bucket/v1/jobs/{JOB}/rounds/3.json"),
    ],
)
def test_only_the_first_round_takes_all_inputs(number: int, kind: str, source: str) -> None:
    made = create_request(JOB, number, JobSettings(endpoint_name=""), FLEET, bucket="bucket")
    assert made["TransformInput"]["DataSource"]["S3DataSource"] == {"S3DataType": kind, "S3Uri": source}
    assert made["TransformOutput"]["S3OutputPath"] == f"s3://bucket/v1/outputs/transform/{JOB}/{number}"
