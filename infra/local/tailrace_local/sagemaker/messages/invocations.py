"""Asynchronous invocations, read from a request's headers."""

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
_OPERATION = "InvokeEndpointAsync"
# Newer versions of botocore know them; the emulator does not. It refuses rather than ignores them.
_UNSUPPORTED = ("S3OutputPathExtension", "Filename")


@dataclass(frozen=True)
class Invocation:
    """An accepted request. Times are seconds since the epoch; `timeout_s` is already scaled.

    Attributes:
        id: names the output object; unlike `inference_id`, it never comes from the caller.
        expires_s: time after which it may not leave the queue.
    """

    id: str
    inference_id: str
    endpoint_name: str
    input_location: str
    received_s: float
    expires_s: float
    timeout_s: float
    output_location: str
    failure_location: str | None = None
    content_type: str | None = None
    accept: str | None = None
    custom_attributes: str | None = None

    def expired(self) -> "Invocation":
        """Return the same invocation, already expired."""
        return replace(self, expires_s=self.received_s)


def read_invocation(
    endpoint_name: str,
    headers: Mapping[str, str],
    settings: AsyncSettings,
    *,
    new_id: NewId,
    now_s: float,
    time_scale: float = 1.0,
) -> Invocation:
    """Read the headers (names in lower case) of an InvokeEndpointAsync request.

    Raises:
        ApiError: a ValidationError that names every parameter outside its limits.
    """
    asked = _parameters(endpoint_name, headers)
    own_id = new_id()
    failure_path = settings.failure_path
    return Invocation(
        id=own_id,
        inference_id=asked.get("InferenceId") or new_id(),
        endpoint_name=endpoint_name,
        input_location=asked["InputLocation"],
        received_s=now_s,
        expires_s=now_s + asked.get("RequestTTLSeconds", DEFAULT_TTL_S) * time_scale,
        timeout_s=asked.get("InvocationTimeoutSeconds", DEFAULT_TIMEOUT_S) * time_scale,
        output_location=join(settings.output_path, f"{own_id}.out"),
        failure_location=join(failure_path, f"{own_id}-error.out") if failure_path else None,
        content_type=asked.get("ContentType"),
        accept=asked.get("Accept"),
        custom_attributes=asked.get("CustomAttributes"),
    )


def _parameters(endpoint_name: str, headers: Mapping[str, str]) -> dict[str, Any]:
    shape = service_model("sagemaker-runtime").operation_model(_OPERATION).input_shape
    request: dict[str, Any] = {"EndpointName": endpoint_name}
    for name, member in (shape.members if shape else {}).items():
        value = headers.get(member.serialization.get("name", "").lower())
        if member.serialization.get("location") == "header" and value is not None:
            request[name] = _integer(name, value) if member.type_name == "integer" else value
    for name in _UNSUPPORTED:
        if name in request:
            raise runtime_validation(f"{name} is not supported here: leave it out")
    try:
        return validate(_OPERATION, request, service="sagemaker-runtime")
    except ApiError as error:
        raise runtime_validation(error.message) from None


def _integer(name: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise runtime_validation(f"Value '{value}' at '{name}' is not an integer") from None
