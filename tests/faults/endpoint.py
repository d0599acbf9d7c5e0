"""The simulated endpoint: an asynchronous one accepts requests, answers on demand, and notifies.

A real-time one answers at once.
"""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tailrace_core.aws.retrying import DEFAULT_POLICY
from tailrace_core.jobs.identities import InferenceId
from tailrace_core.objects import keys
from tests.faults import model
from tests.faults.answering import Answering
from tests.faults.memory_aws.cloud import BUCKET, ENDPOINT, FAILED, SUCCEEDED, Cloud
from tests.faults.memory_aws.errors import refusal


@dataclass(frozen=True)
class Request:
    number: int
    inference_id: str
    input_key: str
    received_at: float

    @property
    def attempt(self) -> int:
        return int(self.inference_id.rpartition(".")[2])

    @property
    def output_key(self) -> str:
        return f"{keys.OUTPUTS}{self.number:08x}.out"

    @property
    def failure_key(self) -> str:
        return f"{keys.FAILURES}{self.number:08x}-error.out"


@dataclass
class Endpoint:
    """The client's method of ``sagemaker-runtime``, and the service."""

    cloud: Cloud
    answering: Answering = model.USUAL
    backlog: list[Request] = field(default_factory=list)
    accepted: list[Request] = field(default_factory=list)
    down: bool = False
    """Every request fails with 500."""
    fail_with: str | None = None
    """Every request fails with this reason."""
    gone: bool = False
    """The endpoint does not exist any more."""
    throttled: Counter[str] = field(default_factory=Counter)
    """Number of throttled calls for each request."""

    def copy_from(self, other: Endpoint) -> None:
        """Take over the requests of another endpoint, not its behaviour."""
        self.backlog = list(other.backlog)
        self.accepted = list(other.accepted)
        self.throttled = Counter(other.throttled)

    def invoke_endpoint_async(self, **request: Any) -> dict[str, Any]:
        if self.gone or request["EndpointName"] != ENDPOINT:
            message = f"Endpoint {request['EndpointName']} of account 123456789012 not found."
            raise refusal("ValidationError", message, "InvokeEndpointAsync")
        match = re.fullmatch(rf"s3://{BUCKET}/(.+)", request["InputLocation"])
        assert match is not None
        assert 1 <= len(request["InferenceId"]) <= 64
        taken = Request(len(self.accepted) + 1, request["InferenceId"], match[1], self.cloud.clock())
        self._check_type(taken, request["ContentType"])
        self._refuse(taken)
        self.accepted.append(taken)
        self.backlog.append(taken)
        return {
            "InferenceId": taken.inference_id,
            "OutputLocation": f"s3://{BUCKET}/{taken.output_key}",
            "FailureLocation": f"s3://{BUCKET}/{taken.failure_key}",
        }

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        """Answer like a real-time endpoint."""
        if self.gone or request["EndpointName"] != ENDPOINT:
            message = f"Endpoint {request['EndpointName']} of account 123456789012 not found."
            raise refusal("ValidationError", message, "InvokeEndpoint")
        inference = InferenceId.parse(request["InferenceId"])
        assert inference is not None
        key = keys.input_key(inference.job_id, inference.range)
        taken = Request(len(self.accepted) + 1, request["InferenceId"], key, self.cloud.clock())
        assert request["Body"] == self.cloud.s3.objects[key].body
        self._check_type(taken, request["ContentType"])
        self._refuse(taken, calls=1)
        self.accepted.append(taken)
        said = self._score(taken)
        if isinstance(said, model.Answered):
            return {"Body": io.BytesIO(said.body), "ContentType": "text/csv"}
        status = int(re.findall(r"error \((\d+)\)", said.reason)[0])
        raise refusal(
            "ModelError",
            f"Received error ({status}) from primary",
            "InvokeEndpoint",
            424,
            OriginalStatusCode=status,
            OriginalMessage=said.body.decode(),
        )

    def _check_type(self, request: Request, content_type: str) -> None:
        stored = self.cloud.s3.objects.get(request.input_key)
        assert stored is None or stored.body.startswith(b"{") is (content_type == "application/json")

    def _refuse(self, request: Request, calls: int = DEFAULT_POLICY.max_tries) -> None:
        """Refuse the second attempts of some rows; throttle so many calls of them."""
        stored = self.cloud.s3.objects.get(request.input_key)
        if stored is None or request.attempt != 2:
            return
        if model.BUSY in stored.body and self.throttled[request.inference_id] < calls:
            self.throttled[request.inference_id] += 1
            raise refusal("ThrottlingException", "Rate exceeded", "InvokeEndpointAsync")
        if model.REFUSED in stored.body:
            raise refusal("ValidationError", "no such endpoint", "InvokeEndpointAsync")

    def process(self, at: int = 0, *, notifications: int = 1) -> Request:
        """Answer one request of the backlog and send ``notifications`` notifications of it."""
        request = self.backlog.pop(at)
        message = self._answer(request)
        topic = SUCCEEDED if message["invocationStatus"] == "Completed" else FAILED
        for _ in range(notifications):
            self.cloud.sns.publish(TopicArn=topic, Message=json.dumps(message))
        return request

    def _answer(self, request: Request) -> dict[str, Any]:
        message: dict[str, Any] = {
            "awsRegion": "eu-west-1",
            "eventTime": "2026-01-25T22:46:00.608Z",
            "receivedTime": "2026-01-25T22:46:00.455Z",
            "requestParameters": {
                "accept": "text/csv",
                "contentType": "text/csv",
                "endpointName": ENDPOINT,
                "inputLocation": f"s3://{BUCKET}/{request.input_key}",
            },
            "inferenceId": request.inference_id,
            "eventVersion": "1.0",
            "eventSource": "aws:sagemaker",
            "eventName": "InferenceResult",
        }
        said = self._score(request)
        if isinstance(said, model.Answered):
            self.cloud.s3.write(request.output_key, said.body, {})
            parameters = {"contentType": "text/csv", "outputLocation": f"s3://{BUCKET}/{request.output_key}"}
            return {**message, "invocationStatus": "Completed", "responseParameters": parameters}
        self.cloud.s3.write(request.failure_key, said.body, {})
        parameters = {"failureLocation": f"s3://{BUCKET}/{request.failure_key}"}
        failed = {"invocationStatus": "Failed", "failureReason": said.reason, "responseParameters": parameters}
        return {**message, **failed}

    def _score(self, request: Request) -> model.Answered | model.Refused:
        if self.fail_with is not None:
            return model.Refused(self.fail_with, b"told to fail")
        if self.down:
            return model.Refused(model.SERVER_ERROR, b"no worker")
        if request.input_key not in self.cloud.s3.objects:
            return model.Refused("Unable to download the input object", b"")
        return model.score(self.cloud.s3.objects[request.input_key].body, request.attempt, self.answering)
