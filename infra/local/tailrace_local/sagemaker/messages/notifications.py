"""The notifications that SageMaker publishes, and their failure reasons."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

from tailrace_local.sagemaker.messages.invocations import Invocation
from tailrace_local.sagemaker.messages.payload import Payload

TEST_MESSAGE = '{"eventVersion":"1.0","eventSource":"aws:sagemaker","eventName":"TestNotification"}'
INCLUDED_RESPONSE_BYTES = 128 * 1024
_CLIENT_ERRORS = range(400, 500)
_ENVELOPE = {"eventVersion": "1.0", "eventSource": "aws:sagemaker", "eventName": "InferenceResult"}


def completed(invocation: Invocation, region: str, now_s: float, output: Payload, *, include: bool) -> str:
    """Make the message of a success; with `include`, it contains a response of up to 128 KiB."""
    parameters = _present(contentType=output.content_type, outputLocation=invocation.output_location)
    body = {"responseBody": _response_body(output)} if include else {}
    return _message(invocation, region, now_s, "Completed", {"responseParameters": parameters} | body)


def failed(
    invocation: Invocation, region: str, now_s: float, reason: str, *, error: Payload | None, include: bool
) -> str:
    """Make the message of a failure.

    `error` is the stored body of the container's error, if there is one.
    """
    parts: dict[str, Any] = {"failureReason": reason}
    if error is not None and invocation.failure_location:
        parts["responseParameters"] = _present(
            contentType=error.content_type, failureLocation=invocation.failure_location
        )
    if error is not None and include:
        parts["responseBody"] = _response_body(error)
    return _message(invocation, region, now_s, "Failed", parts)


def model_error(status: int) -> str:
    """Return the reason for a container's 4xx or 5xx; status 0 stands for a broken connection."""
    side = "client" if status in _CLIENT_ERRORS else "server"
    return (
        f"ClientError: Received {side} error ({status}) from model. "
        "See the SageMaker Endpoint logs in your account for more information."
    )


def no_response(endpoint_name: str) -> str:
    """Return the reason when no server accepted the connection."""
    return (
        f"Amazon SageMaker could not get a response from the {endpoint_name} endpoint. "
        "This can occur when CPU or memory utilization is high."
    )


def timed_out() -> str:
    """Return the reason when the invocation's timeout passed."""
    return (
        "ClientError: Your invocation timed out while waiting for a response from container primary. "
        "Review the latency metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
    )


# AWS's texts for the following are not known: these are the emulator's, and no client should depend
# on them.


def download_failed(detail: str) -> str:
    """Return the reason when the input cannot be read."""
    return f"ClientError: Failed to download the input: {detail}"


def upload_failed(detail: str) -> str:
    """Return the reason when the output cannot be stored."""
    return f"ClientError: Failed to upload the response: {detail}"


def expired() -> str:
    """Return the reason when a request outlived its TTL in the queue."""
    return "ClientError: The request expired: it was in the queue for longer than its RequestTTLSeconds."


def timestamp(seconds: float) -> str:
    """Format a time as Java's clients do.

    ISO 8601 in UTC with milliseconds, without their trailing zeros.
    """
    moment = datetime.fromtimestamp(round(seconds * 1000) / 1000, UTC)
    fraction = f"{moment.microsecond // 1000:03d}".rstrip("0")
    return f"{moment:%Y-%m-%dT%H:%M:%S}{'.' if fraction else ''}{fraction}Z"


def _message(invocation: Invocation, region: str, now_s: float, status: str, parts: dict[str, Any]) -> str:
    request = _present(
        accept=invocation.accept,
        contentType=invocation.content_type,
        customAttributes=invocation.custom_attributes,
        endpointName=invocation.endpoint_name,
        inputLocation=invocation.input_location,
    )
    message = {
        "awsRegion": region,
        "eventTime": timestamp(now_s),
        "receivedTime": timestamp(invocation.received_s),
        "invocationStatus": status,
        "requestParameters": request,
        **parts,
        "inferenceId": invocation.inference_id,
        **_ENVELOPE,
    }
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False)


def _response_body(body: Payload) -> dict[str, str]:
    if body.size_bytes > INCLUDED_RESPONSE_BYTES:
        return {"message": f"The response is larger than {INCLUDED_RESPONSE_BYTES} bytes; read it from Amazon S3."}
    return {"content": base64.b64encode(body.read()).decode(), "encoding": "BASE64"}


def _present(**values: str | None) -> dict[str, str]:
    return {name: value for name, value in values.items() if value is not None}
