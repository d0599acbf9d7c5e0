"""Engines: the ways in which SageMaker infers, and the limits of each.

Only the invokers (`tailrace_core.invocations`) know what invoking means for an engine. Everything
after reads a notification of an answer.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

MIB = 1024 * 1024


class Engine(StrEnum):
    """A way to infer; each value is the name that ``--via`` takes."""

    ASYNC = "async"
    """An asynchronous endpoint: it queues requests itself and may scale to zero."""
    REALTIME = "realtime"
    """A real-time endpoint, called by the function ScoreChunks from a queue."""
    SERVERLESS = "serverless"
    """A serverless endpoint, called as a real-time one."""
    TRANSFORM = "transform"
    """Batch transform jobs, which need no endpoint."""


class EngineLimits(NamedTuple):
    """Limits of an engine; docs/sagemaker.md names their sources.

    Args:
        max_bytes: The largest request, and the largest response.
        warn_bytes: The largest chunk that every source of the limit allows; a job with larger
            chunks may find that the service refuses them.
        default_chunk_bytes: The size of a chunk unless it is given.
        max_model_s: Seconds that the model may take for a request.
        default_model_s: The same unless it is given.
        queues_requests: True if a request waits for its turn, so that it has a time to live.
    """

    max_bytes: int
    warn_bytes: int
    default_chunk_bytes: int
    max_model_s: int
    default_model_s: int
    queues_requests: bool = True


LIMITS: dict[Engine, EngineLimits] = {
    Engine.ASYNC: EngineLimits(
        max_bytes=1024 * MIB,
        warn_bytes=1024 * MIB,
        default_chunk_bytes=4 * MIB,
        max_model_s=3_600,
        default_model_s=900,
    ),
    Engine.REALTIME: EngineLimits(
        # AWS's FAQ says 25 MB, the API's model 6,291,456 bytes.
        max_bytes=25_000_000,
        warn_bytes=6_291_456,
        default_chunk_bytes=4 * MIB,
        max_model_s=60,
        default_model_s=60,
    ),
    Engine.SERVERLESS: EngineLimits(
        # "4 MB", in either unit.
        max_bytes=4 * MIB,
        warn_bytes=4_000_000,
        default_chunk_bytes=3 * MIB,
        max_model_s=60,
        default_model_s=60,
    ),
    Engine.TRANSFORM: EngineLimits(
        max_bytes=100 * MIB,
        warn_bytes=100 * MIB,
        default_chunk_bytes=4 * MIB,
        max_model_s=3_600,
        default_model_s=900,
        queues_requests=False,
    ),
}


def limits_of(engine: Engine) -> EngineLimits:
    """Return the limits of an engine."""
    return LIMITS[engine]


def size_warnings(engine: Engine, chunk_bytes: int) -> tuple[str, ...]:
    """Return what to tell about chunks of this size, which an engine may refuse; often nothing."""
    limit = LIMITS[engine].warn_bytes
    if chunk_bytes <= limit:
        return ()
    text = (
        f"chunks of up to {chunk_bytes} bytes may be refused via {engine}: {limit} bytes are sure to pass; a refused "
        "chunk is split, which costs time"
    )
    return (text,)
