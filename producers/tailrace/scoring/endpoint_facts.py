"""Facts of an endpoint that decide how it is called: its kind, its limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tailrace.aws.stacks import describe_endpoint
from tailrace_core.aws.calls import Steps
from tailrace_core.engines import Engine
from tailrace_core.errors import InputError


@dataclass(frozen=True, slots=True)
class EndpointFacts:
    """What DescribeEndpoint says; ``max_concurrency`` is that of a serverless endpoint."""

    engine: Engine
    max_concurrency: int | None = None


def endpoint_facts(name: str) -> Steps[EndpointFacts]:
    """Read the kind of an endpoint; one that may not be described counts as a real-time one.

    Raises:
        InputError: it is missing, or in a state in which it takes no requests.
    """
    described = yield from describe_endpoint(name)
    return EndpointFacts(Engine.REALTIME) if described is None else facts_in(described)


def facts_in(described: Mapping[str, Any]) -> EndpointFacts:
    """Return the facts in the answer to DescribeEndpoint."""
    if described.get("AsyncInferenceConfig"):
        return EndpointFacts(Engine.ASYNC)
    for variant in described.get("ProductionVariants") or ():
        serverless = variant.get("CurrentServerlessConfig") or variant.get("DesiredServerlessConfig")
        if serverless:
            return EndpointFacts(Engine.SERVERLESS, serverless.get("MaxConcurrency"))
    return EndpointFacts(Engine.REALTIME)


def require_synchronous(name: str, facts: EndpointFacts) -> None:
    """Refuse an endpoint that does not answer at once.

    Raises:
        InputError: it is asynchronous.
    """
    if facts.engine is Engine.ASYNC:
        raise InputError(
            f"endpoint {name!r} is asynchronous: it answers through a bucket, so `tailrace score` cannot call it; "
            "submit the file to its stack (`tailrace submit FILE --stack NAME`), or name a real-time or serverless "
            "endpoint",
            endpoint=name,
        )
