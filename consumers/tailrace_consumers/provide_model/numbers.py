"""Contradictions between the template's numbers: its rules can only compare for equality."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tailrace_core.errors import InputError


def require_consistent(given: Mapping[str, int]) -> None:
    """Refuse numbers of instances and of invocations that contradict each other.

    Numbers that are missing are not compared. A maximum of 0 means that the endpoint does not
    scale, and a concurrency of 0 that nothing is reserved.

    Raises:
        InputError: some do; the message names every contradiction and what to change.
    """
    if found := list(_contradictions(given)):
        raise InputError("; ".join(found))


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
    if given.get("ReservedConcurrency") and _below(given, "ReservedConcurrency", "MaximumConcurrency"):
        yield (
            f"{_named(given, 'ReservedConcurrency')} is below {_named(given, 'MaximumConcurrency')}, so Lambda would "
            "throttle a busy queue: raise ReservedConcurrency, lower MaximumConcurrency, or reserve nothing (0)"
        )


def _below(given: Mapping[str, int], one: str, other: str) -> bool:
    return one in given and other in given and given[one] < given[other]


def _named(given: Mapping[str, int], name: str) -> str:
    return f"{name}={given[name]}"
