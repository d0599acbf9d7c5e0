"""SageMaker's notifications of asynchronous requests, decoded tolerantly.

A result always has ``eventName``, ``invocationStatus`` and ``inferenceId``; any other field may be
missing.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from tailrace_core.errors import MessageError
from tailrace_core.messages.decoding import first_error, raw_bytes, read_json

TEST = "TestNotification"
RESULT = "InferenceResult"


def _or_nothing(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    try:
        return validate(value)
    except ValidationError:
        return None


T = TypeVar("T")
Tolerant = Annotated[T | None, WrapValidator(_or_nothing)]
"""An optional field whose value counts as missing if it has the wrong type: one bad field must not
cost the whole message."""


class ResponseParameters(BaseModel):
    """Locations of the answer or the failure."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    content_type: Tolerant[str] = Field(default=None, alias="contentType")
    output_location: Tolerant[str] = Field(default=None, alias="outputLocation")
    failure_location: Tolerant[str] = Field(default=None, alias="failureLocation")


class RequestParameters(BaseModel):
    """Parameters of the request."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    endpoint_name: Tolerant[str] = Field(default=None, alias="endpointName")
    input_location: Tolerant[str] = Field(default=None, alias="inputLocation")
    custom_attributes: Tolerant[str] = Field(default=None, alias="customAttributes")


class Notification(BaseModel):
    """One notification: a test message, a success or a failure."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_name: str = Field(alias="eventName")
    event_source: Tolerant[str] = Field(default=None, alias="eventSource")
    invocation_status: Tolerant[str] = Field(default=None, alias="invocationStatus")
    inference_id: Tolerant[str] = Field(default=None, alias="inferenceId")
    failure_reason: Tolerant[str] = Field(default=None, alias="failureReason")
    event_time: Tolerant[str] = Field(default=None, alias="eventTime")
    received_time: Tolerant[str] = Field(default=None, alias="receivedTime")
    request_parameters: Tolerant[RequestParameters] = Field(default=None, alias="requestParameters")
    response_parameters: Tolerant[ResponseParameters] = Field(default=None, alias="responseParameters")

    @property
    def request(self) -> RequestParameters:
        """Parameters of the request; empty if the message has none."""
        return self.request_parameters or RequestParameters()

    @property
    def response(self) -> ResponseParameters:
        """Locations of the answer or the failure; empty if the message has none."""
        return self.response_parameters or ResponseParameters()

    @property
    def is_test(self) -> bool:
        """True for the test message that the service sends.

        It sends one on every create, update and scaling action.
        """
        return self.event_name == TEST

    @property
    def is_result(self) -> bool:
        """True if this reports on a request and has all fields that a result requires."""
        return self.event_name == RESULT and self.inference_id is not None and self.invocation_status is not None

    @property
    def succeeded(self) -> bool:
        """True if the container answered."""
        return self.invocation_status == "Completed"


def decode_notification(body: str) -> Notification:
    """Decode the notification in an SQS body, bare (raw delivery) or in SNS's envelope.

    Raises:
        MessageError: the body is no notification; keeps the bytes.
    """
    try:
        return Notification.model_validate(read_json(body))
    except ValidationError as exc:
        raise MessageError(f"not a notification of the service: {first_error(exc)}", raw=raw_bytes(body)) from exc
