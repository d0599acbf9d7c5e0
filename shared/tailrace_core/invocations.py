"""Invocations: what invoking a chunk means for each engine, written once for all who invoke.

Producer and consumers run the same steps. An engine that queues its requests itself gets an
InvokeEndpointAsync. For a real-time or a serverless endpoint, the same request goes to the scoring
queue, and the function ScoreChunks carries it out. Invoking twice does no harm: each attempt has an
id, and one answer of a chunk settles it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tailrace_core.aws.calls import Call, Steps
from tailrace_core.engines import Engine
from tailrace_core.errors import PermanentError
from tailrace_core.jobs.model import Chunk, JobSettings
from tailrace_core.objects import keys
from tailrace_core.transforms import rounds


@dataclass(frozen=True, slots=True)
class InvocationTargets:
    """The resources of a stack that invocations go to.

    ``bucket`` holds the inputs, ``scoring_queue`` is the URL of ScoreChunks' queue.
    """

    bucket: str
    scoring_queue: str | None = None


@dataclass(frozen=True, slots=True)
class InvocationResponse:
    """The future locations of the output and of the failure, as far as they are known."""

    output_location: str
    failure_location: str | None = None


def invoke(
    chunk: Chunk, settings: JobSettings, targets: InvocationTargets, now: float
) -> Steps[InvocationResponse | None]:
    """Invoke the model for the chunk's current attempt; ``now`` is in seconds since the epoch.

    Returns None when it is unknown whether the service accepted the request, as when its response
    is truncated.

    Raises:
        PermanentError: the endpoint or the queue does not exist (any more), or refuses the request.
        ThrottledError: too fast, or no capacity.
        TransientError: the service did not respond.
    """
    return _STEPS[settings.engine](chunk, settings, targets, now)


def request(chunk: Chunk, settings: JobSettings, bucket: str) -> dict[str, Any]:
    """Return the parameters of InvokeEndpointAsync for the chunk's current attempt."""
    return {
        "EndpointName": settings.endpoint_name,
        "InputLocation": f"s3://{bucket}/{keys.input_key(chunk.job_id, chunk.range)}",
        "InferenceId": str(chunk.inference_id),
        "ContentType": settings.content_type,
        "Accept": settings.accept,
        "RequestTTLSeconds": settings.request_ttl_s,
        "InvocationTimeoutSeconds": settings.invocation_timeout_s,
    }


def _invoke_async(
    chunk: Chunk, settings: JobSettings, targets: InvocationTargets, _now: float
) -> Steps[InvocationResponse | None]:
    answer = yield Call("sagemaker-runtime", "invoke_endpoint_async", request(chunk, settings, targets.bucket))
    location = answer.get("OutputLocation")
    # botocore parses a truncated response as a success without fields.
    return InvocationResponse(location, answer.get("FailureLocation")) if location else None


def _queue_request(
    chunk: Chunk, settings: JobSettings, targets: InvocationTargets, now: float
) -> Steps[InvocationResponse | None]:
    if targets.scoring_queue is None:
        raise PermanentError(
            f"job {chunk.job_id} is scored via {settings.engine}, and this stack has no scoring queue; deploy it with "
            f"EndpointKind={settings.engine}"
        )
    # The fields of `tailrace_core.messages.scoring.ScoreDue`, whose import would bring pydantic.
    message = {"schema_version": 1, "type": "ScoreDue", **request(chunk, settings, targets.bucket), "SentAt": now}
    params = {"QueueUrl": targets.scoring_queue, "MessageBody": json.dumps(message, separators=(",", ":"))}
    yield Call("sqs", "send_message", params)
    return InvocationResponse(f"s3://{targets.bucket}/{keys.output_key(str(chunk.inference_id))}")


def _join_first_round(
    chunk: Chunk, _settings: JobSettings, targets: InvocationTargets, _now: float
) -> Steps[InvocationResponse | None]:
    """Join the first round, the only one while a job is submitted: a transform job takes it whole.

    Consumers join later rounds by `tailrace_consumers.chunks.round_joining`.
    """
    yield from ()
    return InvocationResponse(f"s3://{targets.bucket}/{rounds.output_key(chunk.job_id, 0, chunk.range)}")


_STEPS: dict[Engine, Callable[[Chunk, JobSettings, InvocationTargets, float], Steps[InvocationResponse | None]]] = {
    Engine.ASYNC: _invoke_async,
    Engine.REALTIME: _queue_request,
    Engine.SERVERLESS: _queue_request,
    Engine.TRANSFORM: _join_first_round,
}
