"""Contradictions between the template's numbers: its rules can only compare for equality."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tailrace_core.errors import InputError

LEAST_CONCURRENCY, GREATEST_CONCURRENCY = 2, 1000
"""Limits of the maximum concurrency of Lambda's event sources."""


def require_consistent(given: Mapping[str, int]) -> None:
    """Refuse numbers of instances and of invocations that contradict each other.

    Numbers that are missing are not compared. A maximum of 0 means that the endpoint does not
    scale, and a concurrency of 0 that nothing is reserved.

    Raises:
        InputError: some do; the message names every contradiction and what to change.
    """
    if found := list(_contradictions(given)):
        raise InputError("; ".join(found))


def scoring_concurrency(endpoint_kind: str, given: Mapping[str, int]) -> int:
    """Return how many chunks the endpoint processes at once, within the limits of an event source.

    An endpoint of instances processes as many as all its instances do, when it has scaled out.
    """
    if endpoint_kind == "serverless":
        wanted = given.get("ServerlessMaxConcurrency", 0)
    else:
        instances = given.get("MaxInstanceCount") or given.get("InstanceCount", 0)
        wanted = instances * given.get("MaxConcurrentInvocationsPerInstance", 0)
    return min(max(wanted, LEAST_CONCURRENCY), GREATEST_CONCURRENCY)


def _contradictions(given: Mapping[str, int]) -> Iterator[str]:
    if given.get("MaxInstanceCount"):
        for name in ("MinInstanceCount", "FloorInstanceCount", "InstanceCount"):
            if _below(given, "MaxInstanceCount", name):
                greatest = _named(given, "MaxInstanceCount")
                yield f"{_named(given, name)} is above {greatest}: raise the maximum, or lower {name}"
        if given.get("FloorInstanceCount") and _below(given, "FloorInstanceCount", "MinInstanceCount"):
            yield (
                f"{_named(given, 'FloorInstanceCount')} is below {_named(given, 'MinInstanceCount')}, which holds at "
                "all times: raise FloorInstanceCount, or lower MinInstanceCount"
            )
    yield from _of_warmth(given)
    if given.get("ReservedConcurrency") and _below(given, "ReservedConcurrency", "MaximumConcurrency"):
        yield (
            f"{_named(given, 'ReservedConcurrency')} is below {_named(given, 'MaximumConcurrency')}, so Lambda would "
            "throttle a busy queue: raise ReservedConcurrency, lower MaximumConcurrency, or reserve nothing (0)"
        )


def _of_warmth(given: Mapping[str, int]) -> Iterator[str]:
    for most, name in (
        ("ServerlessMaxConcurrency", "ServerlessProvisionedConcurrency"),
        ("ServerlessMaxConcurrency", "ServerlessMaxProvisionedConcurrency"),
    ):
        if _below(given, most, name):
            yield f"{_named(given, name)} is above {_named(given, most)}: raise the maximum, or lower {name}"
    least = given.get("ServerlessProvisionedConcurrency", 0)
    if most_warm := given.get("ServerlessMaxProvisionedConcurrency", 0):
        if not least:
            yield (
                f"{_named(given, 'ServerlessMaxProvisionedConcurrency')} scales what is kept warm, and nothing is: "
                "give ServerlessProvisionedConcurrency too"
            )
        elif most_warm < least:
            yield (
                f"{_named(given, 'ServerlessProvisionedConcurrency')} is above "
                f"{_named(given, 'ServerlessMaxProvisionedConcurrency')}: raise the maximum, or scale nothing (0)"
            )


def _below(given: Mapping[str, int], one: str, other: str) -> bool:
    return one in given and other in given and given[one] < given[other]


def _named(given: Mapping[str, int], name: str) -> str:
    return f"{name}={given[name]}"
