"""Events of CloudFormation, and the service on its fakes."""

from __future__ import annotations

from typing import Any

from tailrace_consumers.provide_model.resource_requests import MODEL, SOURCE, ResourceRequest
from tailrace_consumers.provide_model.responses import Failed, Response, Succeeded
from tailrace_consumers.provide_model.service import ProvideModel
from tests.fakes.model_ports import MemoryModels, Time

STACK = "arn:aws:cloudformation:eu-west-1:123456789012:stack/demand-Endpoint-1/5a1f0000-0000-11f0-8000-0123456789ab"
PREFIX = "tailrace-0e7c0000-0000-11f0-8000-0123456789ab"
ROLE = "arn:aws:iam::123456789012:role/demand-Endpoint-Role"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/demand:7"
DATA = "s3://models/demand/model.tar.gz"
BY_IMAGE = {"Image": IMAGE, "ModelDataUrl": DATA, "Environment": '{"WORKERS": "2"}'}
BY_JOB = {"AutoMLJobName": "demand"}


def event(verb: str, resource_type: str, physical_id: str | None = None, **properties: Any) -> dict[str, Any]:
    """Build an event; empty parameters of a template arrive as empty strings."""
    empty = {"AutoMLJobName": "", "Image": "", "ModelDataUrl": "", "Environment": "", "AllowSerialPipeline": "false"}
    found = {
        "RequestType": verb,
        "ResponseURL": "https://cloudformation-custom-resource-response-euwest1.s3.amazonaws.com/x?X-Amz-Signature=y",
        "StackId": STACK,
        "RequestId": "0f2c",
        "ResourceType": resource_type,
        "LogicalResourceId": resource_type.removeprefix("Custom::"),
        "ResourceProperties": {"ServiceToken": "arn:aws:lambda:…", "ServiceTimeout": "600", **empty, **properties},
    }
    return found if physical_id is None else {**found, "PhysicalResourceId": physical_id}


def job(*containers: dict[str, Any], status: str = "Completed") -> dict[str, Any]:
    """Build an AutoML job with the fields that the function reads."""
    return {"AutoMLJobStatus": status, "BestCandidate": {"InferenceContainers": [*containers]}}


def container(number: int = 1, **environment: str) -> dict[str, Any]:
    return {
        "Image": f"141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-sklearn-automl:{number}",
        "ModelDataUrl": f"s3://automl/demand/model-{number}.tar.gz",
        "Environment": {"SAGEMAKER_PROGRAM": "sagemaker_serve", **environment},
    }


class Provider:
    """The service over fakes."""

    def __init__(self, *, remaining_s: float = 120.0, **jobs: dict[str, Any]) -> None:
        self.aws = MemoryModels(jobs=jobs)
        self.time = Time()
        self.remaining_s = remaining_s

    def answer(self, verb: str, resource_type: str, physical_id: str | None = None, **properties: Any) -> Response:
        """Return the response to a request; the function has all its time left."""
        retry_until = self.time.retry_until(self.remaining_s)
        service = ProvideModel(jobs=self.aws, models=self.aws, retry_until=retry_until)
        return service.handle(ResourceRequest.from_event(event(verb, resource_type, physical_id, **properties)))

    def source(self, verb: str = "Create", **properties: Any) -> Response:
        return self.answer(verb, SOURCE, **properties)

    def model(self, verb: str = "Create", physical_id: str | None = None, **properties: Any) -> Response:
        """Request a model of its resolved source, as the template combines the two."""
        given = {key: value for key, value in properties.items() if key in {"AutoMLJobName", "Image"}}
        given |= {key: value for key, value in properties.items() if key in {"ModelDataUrl", "Environment"}}
        source = succeeded(self.source(AllowSerialPipeline="true", **given))
        return self.answer(verb, MODEL, physical_id, **model_properties(source, **properties))


def model_properties(source: Succeeded, **properties: Any) -> dict[str, Any]:
    return {
        "Digest": source.attributes["Digest"],
        "NamePrefix": PREFIX,
        "ExecutionRoleArn": ROLE,
        "EnableNetworkIsolation": "true",
        **properties,
    }


def succeeded(answer: Response) -> Succeeded:
    assert isinstance(answer, Succeeded), answer
    return answer


def failed(answer: Response) -> Failed:
    assert isinstance(answer, Failed), answer
    return answer
