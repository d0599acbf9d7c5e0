"""AutoML jobs in SageMaker's own shapes, through the adapter, to the requested model.

botocore's Stubber checks both sides against its model of the service: the answers are ones that
SageMaker may give, and the requests ones that it takes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from tailrace_consumers.adapters.executor import BotocoreExecutor
from tailrace_consumers.provide_model.handler import respond_to
from tailrace_consumers.provide_model.resource_requests import MODEL, SOURCE
from tailrace_consumers.provide_model.responses import MAX_RESPONSE_BYTES, Succeeded, encode_response
from tailrace_consumers.provide_model.sagemaker_models import SageMakerModels
from tests.unit.consumers.provide_model.resource_requests import ROLE, event, failed, model_properties, succeeded

GOLDEN = {path.stem: json.loads(path.read_text()) for path in sorted(Path(__file__).with_name("automl").glob("*.json"))}
CURRENT, OLDER = "describe_auto_ml_job_v2", "describe_auto_ml_job"


@pytest.fixture
def stub() -> Iterator[Stubber]:
    client = boto3.client("sagemaker", "eu-west-1", aws_access_key_id="test", aws_secret_access_key="test")
    with Stubber(client) as stubbed:
        yield stubbed
        stubbed.assert_no_pending_responses()


def adapter(stub: Stubber) -> SageMakerModels:
    return SageMakerModels(BotocoreExecutor(lambda _: stub.client))


def source_of(stub: Stubber, name: str) -> Succeeded:
    asked = event("Create", SOURCE, AutoMLJobName=name, AllowSerialPipeline="true")
    answer = succeeded(respond_to(asked, adapter(stub), 180.0))
    assert len(encode_response(answer, asked)) < MAX_RESPONSE_BYTES / 2
    return answer


def older(job: dict[str, Any]) -> dict[str, Any]:
    """Describe the same job in the older API's shape."""
    renamed = {**job, "InputDataConfig": [{**job["AutoMLJobInputDataConfig"][0], "TargetAttributeName": "units"}]}
    gone = {"AutoMLJobInputDataConfig", "AutoMLProblemTypeConfig", "AutoMLProblemTypeConfigName"}
    return {key: value for key, value in renamed.items() if key not in gone}


@pytest.mark.parametrize("golden", GOLDEN)
def test_a_model_is_asked_for_with_exactly_the_containers_that_the_job_lists(stub: Stubber, golden: str) -> None:
    job = GOLDEN[golden]
    name, containers = job["AutoMLJobName"], job["BestCandidate"]["InferenceContainers"]
    stub.add_response(CURRENT, job, {"AutoMLJobName": name})
    source = source_of(stub, name)
    assert source.attributes["ContainerCount"] == golden.partition("-")[0] == str(len(containers))

    given = model_properties(source, AutoMLJobName=name)
    wanted = {"PrimaryContainer": containers[0]} if len(containers) == 1 else {"Containers": containers}
    stub.add_response(CURRENT, job, {"AutoMLJobName": name})
    stub.add_response(
        "create_model",
        {"ModelArn": "arn:aws:sagemaker:eu-west-1:123456789012:model/tailrace-0123456789"},
        {"ModelName": ANY, "ExecutionRoleArn": ROLE, "EnableNetworkIsolation": True, **wanted},
    )
    succeeded(respond_to(event("Create", MODEL, **given), adapter(stub), 180.0))


@pytest.mark.parametrize("golden", GOLDEN)
def test_what_the_role_has_to_read_is_what_the_job_lists(stub: Stubber, golden: str) -> None:
    job = GOLDEN[golden]
    stub.add_response(CURRENT, job)
    attributes = source_of(stub, job["AutoMLJobName"]).attributes
    listed = job["BestCandidate"]["InferenceContainers"]
    keys = {found["ModelDataUrl"].replace("s3://", "arn:aws:s3:::") for found in listed}
    repositories = {found["Image"].partition("/")[2].partition(":")[0] for found in listed}
    assert set(attributes["ModelDataArns"].split("\n")) == keys
    assert {arn.partition("repository/")[2] for arn in attributes["RepositoryArns"].split("\n")} == repositories


@pytest.mark.parametrize("code", ["ResourceNotFound", "UnknownOperationException"])
def test_a_job_that_the_older_api_alone_knows_is_found(stub: Stubber, code: str) -> None:
    job = GOLDEN["2-containers"]
    stub.add_client_error(CURRENT, code, "Could not find requested job", 400)
    stub.add_response(OLDER, older(job), {"AutoMLJobName": job["AutoMLJobName"]})
    assert source_of(stub, job["AutoMLJobName"]).attributes["ContainerCount"] == "2"


def test_a_job_that_neither_api_knows_is_named(stub: Stubber) -> None:
    for operation in (CURRENT, OLDER):
        stub.add_client_error(operation, "ResourceNotFound", "Could not find requested job with name: nobody", 400)
    answer = failed(respond_to(event("Create", SOURCE, AutoMLJobName="nobody"), adapter(stub), 180.0))
    assert answer.reason == "there is no AutoML job nobody in this account and region"


TAKEN = 'Cannot create already existing model "arn:aws:sagemaker:eu-west-1:123456789012:model/x".'
MISSING = 'Could not find model "arn:aws:sagemaker:eu-west-1:123456789012:model/x".'
UNREADABLE = (
    'Could not access model data at s3://b/k. Please ensure that the role "r" exists and that its trust relationship '
    'policy allows the action "sts:AssumeRole" for the service principal "sagemaker.amazonaws.com". Also ensure that '
    'the role has "s3:GetObject" permissions and that the object is located in eu-west-1.'
)
BY_IMAGE = {"Image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/demand:7"}


def model_event(verb: str, physical_id: str | None = None) -> dict[str, Any]:
    source = succeeded(respond_to(event("Create", SOURCE, **BY_IMAGE), SageMakerModels(refuse), 0.0))
    return event(verb, MODEL, physical_id, **model_properties(source, **BY_IMAGE))


def refuse(_call: object) -> None:
    raise AssertionError("an image is resolved without a call")


def test_a_model_of_that_name_is_the_model(stub: Stubber) -> None:
    stub.add_client_error("create_model", "ValidationException", TAKEN, 400)
    succeeded(respond_to(model_event("Create"), adapter(stub), 180.0))


def test_a_model_that_is_gone_is_deleted(stub: Stubber) -> None:
    asked = model_event("Delete", "tailrace-0e7c0000-0000-11f0-8000-0123456789ab-0123456789abcdef")
    stub.add_client_error("delete_model", "ValidationException", MISSING, 400)
    succeeded(respond_to(asked, adapter(stub), 180.0))


def test_a_role_that_cannot_read_is_reported_in_sagemakers_words(stub: Stubber) -> None:
    stub.add_client_error("create_model", "ValidationException", UNREADABLE, 400)
    answer = failed(respond_to(model_event("Create"), adapter(stub), 0.0))
    assert "Could not access model data at s3://b/k" in answer.reason
