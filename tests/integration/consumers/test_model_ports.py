"""One suite over the fake and the adapter, so that ProvideModel's fakes behave as its adapters.

moto has no DescribeAutoMLJob, and its AutoML jobs never have a candidate: the contract tests stand
for those.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import boto3
import pytest
from moto import mock_aws

from tailrace_consumers.adapters.executor import BotocoreExecutor
from tailrace_consumers.provide_model.containers import Container
from tailrace_consumers.provide_model.models import Model
from tailrace_consumers.provide_model.ports import Models
from tailrace_consumers.provide_model.sagemaker_models import SageMakerModels
from tests.fakes.model_ports import MemoryModels

MODEL = Model(
    name_prefix="tailrace-0e7c",
    containers=(Container("123456789012.dkr.ecr.eu-west-1.amazonaws.com/a:1", "s3://b/k", {"A": "b"}),),
    execution_role_arn="arn:aws:iam::123456789012:role/r",
    isolated=True,
    subnet_ids=("subnet-1",),
    security_group_ids=("sg-1",),
    tags={"team": "x"},
)


@pytest.fixture(params=["memory", "moto"])
def sagemaker(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MemoryModels | SageMakerModels]:
    if request.param == "memory":
        yield MemoryModels()
        return
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        yield SageMakerModels(BotocoreExecutor(lambda service: boto3.client(service, region_name="eu-west-1")))


def test_a_model_is_made_and_deleted_once(sagemaker: Models) -> None:
    assert sagemaker.create(MODEL)
    assert sagemaker.delete(MODEL.name)
    assert not sagemaker.delete(MODEL.name)


def test_a_model_that_never_was_is_not_deleted(sagemaker: Models) -> None:
    assert not sagemaker.delete("tailrace-0e7c-0123456789abcdef")


def test_models_stand_side_by_side(sagemaker: Models) -> None:
    pipeline = replace(MODEL, containers=MODEL.containers * 3, tags={}, subnet_ids=())
    assert sagemaker.create(MODEL)
    assert sagemaker.create(pipeline)
    assert sagemaker.delete(MODEL.name)
    assert sagemaker.delete(pipeline.name)
