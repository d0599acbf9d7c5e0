"""The asynchronous endpoint in SageMaker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tailrace_consumers.ports import InvocationResponse
from tailrace_core.aws.calls import Call
from tailrace_core.errors import TransientError
from tailrace_core.jobs.model import Chunk, JobSettings
from tailrace_core.objects import keys


class SageMakerInvoker:
    """Implements `tailrace_consumers.ports.Invoker`; ``bucket`` holds the inputs."""

    def __init__(self, bucket: str, execute: Callable[[Call], Mapping[str, Any]]) -> None:
        self._bucket = bucket
        self._execute = execute

    def invoke(self, chunk: Chunk, settings: JobSettings) -> InvocationResponse:
        """Invoke the endpoint for the chunk's current attempt.

        Raises:
            TransientError: it is unknown whether the service accepted the request, as when its
                response is truncated.
        """
        params = {
            "EndpointName": settings.endpoint_name,
            "InputLocation": f"s3://{self._bucket}/{keys.input_key(chunk.job_id, chunk.range)}",
            "InferenceId": str(chunk.inference_id),
            "ContentType": settings.content_type,
            "Accept": settings.accept,
            "RequestTTLSeconds": settings.request_ttl_s,
            "InvocationTimeoutSeconds": settings.invocation_timeout_s,
        }
        answer = self._execute(Call("sagemaker-runtime", "invoke_endpoint_async", params))
        location = answer.get("OutputLocation")
        if not location:
            # botocore parses a truncated response as a success without fields.
            raise TransientError(f"{chunk.inference_id}: the endpoint's response lacks the output's location")
        return InvocationResponse(location, answer.get("FailureLocation"))
