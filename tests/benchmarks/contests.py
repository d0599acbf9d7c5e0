"""Benchmarks as values: contestants that do the same work, and the ratios between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import Any

SECONDS = "seconds"
CPU_SECONDS = "cpu_seconds"
"""The processor's time, in user and system mode, of contestants that report it."""
PEAK_MB = "peak_mb"
"""The most memory that a process held at once, in MB (10**6 bytes)."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The amount of work and the number of rounds. Sizes are given for full scale."""

    share: float
    rounds: int
    steady_rounds: int
    """Rounds of contestants whose figures hardly vary."""
    kept: ExitStack | None = None
    """Holds resources that benchmarks share (the local cloud) until all are done.

    Without it each makes its own.
    """

    def of(self, full: int, *, least: int = 1) -> int:
        """Return the share of ``full``, an amount at full scale."""
        return max(least, round(full * self.share))


FULL = Scale(1.0, rounds=5, steady_rounds=5)
QUICK = Scale(0.1, rounds=3, steady_rounds=2)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a contestant: its figures by name, and the answer of its work."""

    figures: Mapping[str, float]
    answer: Any = None


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way to do the work.

    A wrong ``answer`` ends the benchmark: only the same work is worth comparing.
    """

    run: Callable[[], Run]
    answer: Any = None
    rounds: int | None = None
    """Rounds, if not as many as the scale says. For contestants whose figures hardly vary."""


@dataclass(frozen=True, slots=True)
class Contest:
    """Contestants by name, in the order of their turns."""

    contestants: Mapping[str, Contestant]


@dataclass(frozen=True, slots=True)
class Figure:
    """The median of one figure of one contestant, or of the better of several."""

    name: str
    contestants: tuple[str, ...]

    @classmethod
    def of(cls, name: str, *contestants: str) -> Figure:
        """Return a figure of a contestant; the lowest when there are several."""
        return cls(name, contestants)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """Ours ÷ theirs, and its bar: the most that it may be, or with ``at_least`` the least."""

    name: str
    ours: Figure
    theirs: Figure | float
    bar: float
    unit: str
    note: str = ""
    at_least: bool = False

    def holds(self, ratio: float) -> bool:
        """Return whether a measured ratio keeps the bar."""
        return ratio >= self.bar if self.at_least else ratio <= self.bar


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Ratios, and a context manager for the contest that gives them.

    It makes inputs and servers, and removes them.
    """

    name: str
    contest: Callable[[Scale], AbstractContextManager[Contest]]
    ratios: tuple[Ratio, ...] = field(default_factory=tuple)
