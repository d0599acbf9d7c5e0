"""Commuting calls: interleavings that differ only in the order of such calls end the same.

This is partial-order reduction: of equivalent interleavings, one is run.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.faults.injection import READ

Interleaving = tuple[int, int]
"""Numbers of calls that the one makes, and then the other, before each makes its rest, the one first."""

_READS = ("get_", "head_", "describe_", "query", "batch_get_")
_LOCAL = f"s3.{READ}"
"""Reads what an earlier call has already taken."""
_STORES = {
    "dynamodb": frozenset({"dynamodb"}),
    "s3": frozenset({"s3"}),
    "sqs": frozenset({"sqs"}),
    "sns": frozenset({"sqs"}),
    # The endpoint looks at the input when it accepts a request.
    "sagemaker-runtime": frozenset({"endpoint", "s3"}),
}
"""The state that a service's calls read or change; those of other services count as all of it."""
_ALL = frozenset().union(*_STORES.values())


@dataclass(frozen=True)
class Trace:
    """Calls of two actors in one run, each in its own order, as ``service.operation``."""

    one: Sequence[str]
    other: Sequence[str]


def commute(call: str, other: str) -> bool:
    """Return whether two calls of two processes have the same results in either order."""
    if _LOCAL in {call, other} or (_reads(call) and _reads(other)):
        return True
    return _store(call).isdisjoint(_store(other))


def run_classes(
    one_calls: int, other_calls: int, run: Callable[[int, int], Trace | None]
) -> dict[Interleaving, Interleaving]:
    """Run one of each class of equivalent interleavings; return for each the one that was run.

    ``run`` gets an interleaving and returns its trace; None if others may not be equivalent to it.
    """
    traces: dict[Interleaving, Trace | None] = {}
    ran: dict[Interleaving, Interleaving] = {}
    for first, second in itertools.product(range(one_calls), range(other_calls + 1)):
        each, neighbour = (first, second), _equivalent(traces, first, second)
        traces[each] = run(first, second) if neighbour is None else traces[neighbour]
        ran[each] = each if neighbour is None else ran[neighbour]
    return ran


def _equivalent(traces: Mapping[Interleaving, Trace | None], first: int, second: int) -> Interleaving | None:
    """Return an earlier interleaving that differs in the place of one call which commutes."""
    later_one, later_other = traces.get((first - 1, second)), traces.get((first, second - 1))
    if later_one is not None and _pass(later_one.one[first - 1 : first], later_one.other[:second]):
        return first - 1, second
    if later_other is not None and _pass(later_other.other[second - 1 : second], later_other.one[first:]):
        return first, second - 1
    return None


def _pass(moved: Sequence[str], others: Sequence[str]) -> bool:
    """Return whether a call, if any, commutes with each of the others."""
    return all(commute(call, each) for call in moved for each in others)


def _reads(call: str) -> bool:
    return call.partition(".")[2].startswith(_READS)


def _store(call: str) -> frozenset[str]:
    return _STORES.get(call.partition(".")[0], _ALL)
