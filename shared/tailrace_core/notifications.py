"""The notification that SageMaker sends for an asynchronous request, read as tolerantly as it is written.

Only ``eventName``, ``invocationStatus`` and ``inferenceId`` can be relied on in a result; all else may be missing.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tailrace_core.errors import MessageError

TEST = "TestNotification"
RESULT = "InferenceResult"


class ResponseParameters(BaseModel):
    """Where the answer or the failure lies."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    content_type: str | None = Field(default=None, alias="contentType")
    output_location: str | None = Field(default=None, alias="outputLocation")
    failure_location: str | None = Field(default=None, alias="failureLocation")


class RequestParameters(BaseModel):
    """What was asked for."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    endpoint_name: str | None = Field(default=None, alias="endpointName")
    input_location: str | None = Field(default=None, alias="inputLocation")
    custom_attributes: str | None = Field(default=None, alias="customAttributes")


class Notification(BaseModel):
    """One notification: a test message, a success or a failure."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_name: str = Field(alias="eventName")
    event_source: str | None = Field(default=None, alias="eventSource")
    invocation_status: str | None = Field(default=None, alias="invocationStatus")
    inference_id: str | None = Field(default=None, alias="inferenceId")
    failure_reason: str | None = Field(default=None, alias="failureReason")
    event_time: str | None = Field(default=None, alias="eventTime")
    received_time: str | None = Field(default=None, alias="receivedTime")
    request: RequestParameters = Field(default=RequestParameters(), alias="requestParameters")
    response: ResponseParameters = Field(default=ResponseParameters(), alias="responseParameters")

    @property
    def is_test(self) -> bool:
        """Whether this is what the service sends on every create, update and scaling action."""
        return self.event_name == TEST

    @property
    def is_result(self) -> bool:
        """Whether this reports on a request."""
        return self.event_name == RESULT and self.inference_id is not None

    @property
    def succeeded(self) -> bool:
        """Whether the container answered."""
        return self.invocation_status == "Completed"


def decode_notification(body: str) -> Notification:
    """The notification in an SQS body: bare (raw delivery) or in SNS's envelope.

    Raises:
        MessageError: it is neither; keeps the bytes.
    """
    raw = body.encode(errors="replace")
    try:
        data: Any = json.loads(body)
        if isinstance(data, dict) and data.get("Type") == "Notification" and isinstance(data.get("Message"), str):
            data = json.loads(data["Message"])
    except (ValueError, RecursionError) as exc:
        raise MessageError(f"not JSON: {exc}", raw=raw) from exc
    try:
        return Notification.model_validate(_without_nulls(data))
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        raise MessageError(f"not a notification of the service: {first['loc']}: {first['msg']}", raw=raw) from exc


def _without_nulls(data: Any) -> Any:
    """Optional parts may be absent or null; both mean the same."""
    return {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else data
