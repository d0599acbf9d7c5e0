"""Two faults, the second while the first is being recovered from: all there are, found by recording."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.faults.injection import Fault, FaultKind, Schedule, fault_kinds_of

PAIR_KINDS = frozenset({FaultKind.UNREACHABLE, FaultKind.REPLY_GONE, FaultKind.DEATH_BEFORE, FaultKind.DEATH_AFTER})
"""Refused before, reply lost after, death before, death after. A read has two of them: it changes nothing, so that
a lost reply is a refusal."""
EXTRA_CALLS = 10
"""So many calls a retry may make beyond those of the longest clean handling, and is still broken everywhere."""

Run = Callable[[Schedule], object]
"""Plays a world with these faults; AssertionError when it ends otherwise than it must."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A fault, and another one at a call that is made after it."""

    first: Fault
    second: Fault
    calls: tuple[str, str]

    def __str__(self) -> str:
        (one, other), first, second = self.calls, self.first, self.second
        return f"{first.kind} at {one} ({first.at}), {second.kind} at {other} ({second.at})"


def pair_share() -> tuple[int, int]:
    """Which share of the pairs tests try: TAILRACE_PAIRS is K/N, every N-th from the K-th on."""
    number, _, of = os.environ.get("TAILRACE_PAIRS", "0/12").partition("/")
    return int(number), int(of)


def pair_kinds_of(call: str) -> Iterator[FaultKind]:
    """What of the four may happen at a call."""
    return (kind for kind in fault_kinds_of(call) if kind in PAIR_KINDS)


def single_faults(run: Run, role: str | None = None) -> tuple[Schedule, list[Fault]]:
    """A clean run, and the faults open to its calls."""
    clean = Schedule(role=role)
    run(clean)
    return clean, [Fault(at, kind) for at, call in enumerate(clean.calls) for kind in pair_kinds_of(call)]


def pairs(run: Run, role: str | None = None, *, retry_only: bool = False) -> Iterator[Pair]:
    """Each fault of a clean run with each fault of every call that is made after it.

    With ``retry_only`` the first is in the longest of what the role does, and the second comes while that is done
    again: within as many calls, and a few more.
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
    """How many pairs were tried, and which of them ended wrongly, in words."""

    tried: int
    broken: list[str]


def sweep_pairs(
    run: Run, role: str | None = None, *, retry_only: bool = False, share: tuple[int, int] = (0, 1)
) -> SweepResult:
    """Try all pairs, or the ``share[0]``-th of ``share[1]`` equal shares of them."""
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
