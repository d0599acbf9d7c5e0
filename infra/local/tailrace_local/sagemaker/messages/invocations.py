"""Invocations, read from a request's headers."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tailrace_local.emulator_base.shapes import service_model, validate
from tailrace_local.sagemaker.clock import NewId
from tailrace_local.sagemaker.errors import ApiError, runtime_validation
from tailrace_local.sagemaker.locations import join
from tailrace_local.sagemaker.records import AsyncSettings

DEFAULT_TTL_S = 21600
DEFAULT_TIMEOUT_S = 900
_ASYNC, _SYNC = "InvokeEndpointAsync", "InvokeEndpoint"


@dataclass(frozen=True)
class Invocation:
    """An accepted request. Times are seconds since the epoch; `timeout_s` is already scaled.

    Attributes:
        id: names the output object unless the caller does; unlike `inference_id`, the caller never
            gives it.
        target_variant: the variant to invoke, or None.
        input_location: None for an input in the request's body.
        body: the input in the request's body, or None.
        expires_s: time after which it may not leave the queue.
    """

    id: str
    inference_id: str
    endpoint_name: str
    input_location: str | None
    received_s: float
    expires_s: float
    timeout_s: float
    output_location: str = ""
    failure_location: str | None = None
    content_type: str | None = None
    accept: str | None = None
    custom_attributes: str | None = None
    body: bytes | None = None
    target_variant: str | None = None

    def expired(self) -> "Invocation":
        """Return the same invocation, already expired."""
        return replace(self, expires_s=self.received_s)


def read_invocation(
    endpoint_name: str,
    headers: Mapping[str, str],
    settings: AsyncSettings,
    *,
    body: bytes = b"",
    new_id: NewId,
    now_s: float,
    time_scale: float = 1.0,
) -> Invocation:
    """Read the headers (names in lower case) and the body of an InvokeEndpointAsync request.

    Raises:
        ApiError: a ValidationError that names every parameter outside its limits.
    """
    asked = _parameters(_ASYNC, endpoint_name, headers)
    _add_body(asked, body)
    asked = _validated(_ASYNC, asked)
    own_id = new_id()
    failure_path = settings.failure_path
    return Invocation(
        id=own_id,
        inference_id=asked.get("InferenceId") or new_id(),
        endpoint_name=endpoint_name,
        input_location=asked.get("InputLocation"),
        received_s=now_s,
        expires_s=now_s + asked.get("RequestTTLSeconds", DEFAULT_TTL_S) * time_scale,
        timeout_s=asked.get("InvocationTimeoutSeconds", DEFAULT_TIMEOUT_S) * time_scale,
        output_location=_output_location(settings.output_path, asked, f"{own_id}.out"),
        failure_location=join(failure_path, f"{own_id}-error.out") if failure_path else None,
        content_type=asked.get("ContentType"),
        accept=asked.get("Accept"),
        custom_attributes=asked.get("CustomAttributes"),
        body=asked.get("Body"),
    )


def read_synchronous(
    endpoint_name: str, headers: Mapping[str, str], *, new_id: NewId, now_s: float, timeout_s: float
) -> Invocation:
    """Read the headers (names in lower case) of an InvokeEndpoint request.

    Raises:
        ApiError: a ValidationError that names every parameter outside its limits.
    """
    # The body is read elsewhere: it may be large.
    asked = _validated(_SYNC, _parameters(_SYNC, endpoint_name, headers) | {"Body": b""})
    own_id = new_id()
    return Invocation(
        id=own_id,
        inference_id=asked.get("InferenceId") or own_id,
        endpoint_name=endpoint_name,
        input_location=None,
        received_s=now_s,
        expires_s=math.inf,
        timeout_s=timeout_s,
        content_type=asked.get("ContentType"),
        accept=asked.get("Accept"),
        custom_attributes=asked.get("CustomAttributes"),
        target_variant=asked.get("TargetVariant"),
    )


def _output_location(path: str, asked: Mapping[str, Any], own_name: str) -> str:
    """Return where the output goes: under the caller's extension of the path, by the caller's name.

    AWS documents neither for failures, whose objects keep names of their own.
    """
    extension = str(asked.get("S3OutputPathExtension", "")).strip("/")
    return join(join(path, extension) if extension else path, asked.get("Filename") or own_name)


def _parameters(operation: str, endpoint_name: str, headers: Mapping[str, str]) -> dict[str, Any]:
    request: dict[str, Any] = {"EndpointName": endpoint_name}
    for name, member in _members(operation).items():
        value = headers.get(member.serialization.get("name", "").lower())
        if member.serialization.get("location") == "header" and value is not None:
            request[name] = _integer(name, value) if member.type_name == "integer" else value
    return request


def _validated(operation: str, request: dict[str, Any]) -> dict[str, Any]:
    try:
        return validate(operation, request, service="sagemaker-runtime")
    except ApiError as error:
        raise runtime_validation(error.message) from None


def _members(operation: str) -> Mapping[str, Any]:
    shape = service_model("sagemaker-runtime").operation_model(operation).input_shape
    return shape.members if shape else {}


def _add_body(request: dict[str, Any], body: bytes) -> None:
    """Add the body of an asynchronous request, which is exclusive with InputLocation."""
    members = _members(_ASYNC)
    if not body:
        if "InputLocation" not in request and "Body" in members:
            raise runtime_validation("Exactly one of InputLocation and Body must be given, and neither is.")
        return
    if "Body" not in members:
        raise runtime_validation("The emulator's botocore does not know Body: pass InputLocation, or update botocore.")
    if "InputLocation" in request:
        raise runtime_validation("Exactly one of InputLocation and Body must be given, and both are.")
    limit = members["Body"].metadata["max"]
    if len(body) > limit:
        raise runtime_validation(f"Member must have length less than or equal to {limit} at 'body'")
    request["Body"] = body


def _integer(name: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise runtime_validation(f"Value '{value}' at '{name}' is not an integer") from None
