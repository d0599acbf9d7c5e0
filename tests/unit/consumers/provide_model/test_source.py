"""Custom::ModelSource: the containers, before anything is created."""

from __future__ import annotations

from typing import Any

import pytest

from tailrace_consumers.provide_model.resource_requests import SOURCE
from tailrace_core.errors import AccessDeniedError, ThrottledError
from tests.unit.consumers.provide_model.resource_requests import (
    BY_IMAGE,
    BY_JOB,
    Provider,
    container,
    failed,
    job,
    succeeded,
)

REPOSITORY = "arn:aws:ecr:eu-west-1:123456789012:repository/demand"


def test_an_image_is_resolved_without_asking_anybody() -> None:
    provider = Provider()
    found = succeeded(provider.source(**BY_IMAGE))
    assert found.attributes == {
        "Digest": found.attributes["Digest"],
        "ContainerCount": "1",
        "RepositoryArns": REPOSITORY,
        "ModelDataArns": "arn:aws:s3:::models/demand/model.tar.gz",
        "ScoringConcurrency": "2",
    }
    assert provider.aws.called == []


def test_an_image_that_holds_its_model_has_nothing_to_read() -> None:
    assert succeeded(Provider().source(Image=BY_IMAGE["Image"])).attributes["ModelDataArns"] == ""


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_a_candidate_may_have_any_number_of_containers(count: int) -> None:
    provider = Provider(demand=job(*(container(number) for number in range(count))))
    found = succeeded(provider.source(**BY_JOB, AllowSerialPipeline="true"))
    assert found.attributes["ContainerCount"] == str(count)
    assert len(found.attributes["ModelDataArns"].split("\n")) == count
    assert found.attributes["RepositoryArns"] == (
        "arn:aws:ecr:eu-west-1:141502667606:repository/sagemaker-sklearn-automl"
    )


@pytest.mark.parametrize("count", [2, 3])
def test_a_serial_pipeline_is_refused_with_what_to_do(count: int) -> None:
    provider = Provider(demand=job(*(container(number) for number in range(count))))
    reason = failed(provider.source(**BY_JOB)).reason
    for part in (f"{count} containers", "asynchronous", "ENSEMBLING", "real-time endpoint", "AllowSerialPipeline=true"):
        assert part in reason


def test_one_container_needs_no_leave() -> None:
    succeeded(Provider(demand=job(container())).source(**BY_JOB))


@pytest.mark.parametrize(
    ("described", "said"),
    [
        (job(container(), status="InProgress"), "is InProgress: deploy again when it is Completed"),
        (job(container(), status="Stopping"), "is Stopping: deploy again"),
        (job(container(), status="Stopped"), "is Stopped; only a Completed job"),
        ({**job(status="Failed"), "FailureReason": "no data"}, "is Failed: no data; only a Completed job"),
        ({}, "is unknown"),
        ({"AutoMLJobStatus": "Completed"}, "without a best candidate"),
        (job(), "without a best candidate"),
        (
            {
                "AutoMLJobStatus": "Completed",
                "BestCandidate": {"InferenceContainerDefinitions": {"GPU": [container()]}},
            },
            "without a best candidate that lists its containers",
        ),
        (job({**container(), "Image": "nginx"}), "is not one of ECR"),
        (job({**container(), "ModelDataUrl": "s3://bucket"}), "s3://bucket/key"),
    ],
)
def test_a_job_without_a_model_to_deploy_is_refused_in_words(described: dict[str, Any], said: str) -> None:
    assert said in failed(Provider(demand=described).source(**BY_JOB)).reason


def test_a_job_that_is_not_there_is_named() -> None:
    assert "no AutoML job demand" in failed(Provider().source(**BY_JOB)).reason


@pytest.mark.parametrize("given", [{}, {**BY_IMAGE, **BY_JOB}])
def test_there_is_one_source(given: dict[str, str]) -> None:
    assert "either AutoMLJobName or Image" in failed(Provider().source(**given)).reason


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"Image": ["a"]}, "Image is not a string"),
        ({**BY_IMAGE, "AllowSerialPipeline": "maybe"}, "AllowSerialPipeline is 'maybe'"),
        ({**BY_IMAGE, "Environment": "x"}, "not JSON"),
    ],
)
def test_properties_that_cannot_be_read_are_named(properties: dict[str, Any], said: str) -> None:
    assert said in failed(Provider().source(**properties)).reason


def test_the_same_source_is_the_same_resource_and_another_one_another() -> None:
    provider = Provider(demand=job(container()))
    first, again = succeeded(provider.source(**BY_IMAGE)), succeeded(provider.source("Update", **BY_IMAGE))
    assert first == again
    changed = [
        provider.source(**{**BY_IMAGE, "Environment": '{"WORKERS": "3"}'}),
        provider.source(**{**BY_IMAGE, "ModelDataUrl": "s3://models/demand/next.tar.gz"}),
        provider.source(**{**BY_IMAGE, "Image": BY_IMAGE["Image"] + "1"}),
        provider.source(**BY_JOB),
    ]
    ids = {first.physical_id, *(succeeded(each).physical_id for each in changed)}
    digests = {first.attributes["Digest"], *(succeeded(each).attributes["Digest"] for each in changed)}
    assert len(ids) == len(digests) == 5


def test_a_permission_that_is_still_spreading_is_waited_for() -> None:
    provider = Provider(demand=job(container()))
    provider.aws.trouble["describe"] = [AccessDeniedError("not authorized"), ThrottledError("slow down")] * 2
    succeeded(provider.source(**BY_JOB))
    assert 0 < sum(provider.time.slept) < 60


def test_a_permission_that_never_comes_is_said_within_a_minute() -> None:
    provider = Provider(demand=job(container()))
    provider.aws.trouble["describe"] = [AccessDeniedError("not authorized to describe")] * 1000
    answer = failed(provider.source(**BY_JOB))
    assert "looking up the AutoML job demand" in answer.reason
    assert "not authorized to describe" in answer.reason
    assert 45 <= sum(provider.time.slept) <= 60


def test_nothing_is_deleted_with_a_source() -> None:
    provider = Provider()
    physical_id = succeeded(provider.source(**BY_IMAGE)).physical_id
    assert succeeded(provider.answer("Delete", SOURCE, physical_id, **BY_IMAGE)).physical_id == physical_id
    assert provider.aws.called == []
