"""Pairs of faults, the second during the recovery from the first; recording finds all of them."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.faults.injection import Fault, FaultKind, Schedule, fault_kinds_of

PAIR_KINDS = frozenset({FaultKind.UNREACHABLE, FaultKind.REPLY_GONE, FaultKind.DEATH_BEFORE, FaultKind.DEATH_AFTER})
"""Refused before, reply lost after, death before, death after the call. A read has two of them: it
changes nothing, so a lost reply equals a refusal."""
EXTRA_CALLS = 10
"""Calls of a retry, beyond those of the longest clean handling, that still get a second fault."""

Run = Callable[[Schedule], object]
"""Runs a simulation with the faults of a schedule; raises AssertionError if it ends wrongly."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A fault, and another one at a later call."""

    first: Fault
    second: Fault
    calls: tuple[str, str]

    def __str__(self) -> str:
        (one, other), first, second = self.calls, self.first, self.second
        return f"{first.kind} at {one} ({first.at}), {second.kind} at {other} ({second.at})"


def pair_share() -> tuple[int, int]:
    """Return the share of the pairs that tests try.

    TAILRACE_PAIRS is K/N: every N-th pair from the K-th on (from 0).
    """
    number, _, of = os.environ.get("TAILRACE_PAIRS", "0/24").partition("/")
    return int(number), int(of)


def pair_kinds_of(call: str) -> Iterator[FaultKind]:
    """Return the kinds of `PAIR_KINDS` that may happen at a call."""
    return (kind for kind in fault_kinds_of(call) if kind in PAIR_KINDS)


def single_faults(run: Run, role: str | None = None) -> tuple[Schedule, list[Fault]]:
    """Run cleanly; return the schedule and the faults possible at its calls."""
    clean = Schedule(role=role)
    run(clean)
    return clean, [Fault(at, kind) for at, call in enumerate(clean.calls) for kind in pair_kinds_of(call)]


def pairs(run: Run, role: str | None = None, *, retry_only: bool = False) -> Iterator[Pair]:
    """Pair each fault of a clean run with each fault of every later call.

    With ``retry_only`` the first fault is in the role's longest handling, and the second during its
    retry: within as many calls and `EXTRA_CALLS` more.
    """
    clean, firsts = single_faults(run, role)
    bounds = list(itertools.pairwise([*clean.begun, len(clean.calls)]))
    begin, end = max(bounds, key=lambda each: each[1] - each[0])
    reach = end - begin + EXTRA_CALLS
    for first in firsts:
        if retry_only and not begin <= first.at < end:
            continue
        broken = Schedule((first,), role)
        run(broken)
        last = first.at + 1 + reach if retry_only else None
        for at, call in enumerate(broken.calls[first.at + 1 : last], first.at + 1):
            for kind in pair_kinds_of(call):
                yield Pair(first, Fault(at, kind), (broken.calls[first.at], call))


@dataclass(frozen=True)
class SweepResult:
    """The number of pairs tried, and a description of each that ended wrongly."""

    tried: int
    broken: list[str]


def sweep_pairs(
    run: Run, role: str | None = None, *, retry_only: bool = False, share: tuple[int, int] = (0, 1)
) -> SweepResult:
    """Try all pairs, or the ``share[0]``-th (from 0) of ``share[1]`` equal shares of them."""
    tried, broken = 0, []
    for pair in itertools.islice(pairs(run, role, retry_only=retry_only), share[0], None, share[1]):
        schedule = Schedule((pair.first, pair.second), role)
        try:
            run(schedule)
        except AssertionError as exc:
            broken.append(f"{pair}: {exc}")
        tried += 1
        assert len(schedule.fired) == 2, f"{pair} did not happen"
    return SweepResult(tried, broken)
