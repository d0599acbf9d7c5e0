"""What a benchmark is, as values: contestants that do the same work, and the ratios between them that are to hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import Any

SECONDS = "seconds"
PEAK_MB = "peak_mb"
"""The most memory that a process held at once, in MB (10**6 bytes)."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much work there is and how often it is done. Sizes are named as at full scale."""

    share: float
    rounds: int
    steady_rounds: int
    """How often to do what gives about the same figure every time."""
    kept: ExitStack | None = None
    """Holds what one benchmark leaves for the next (the local cloud) until all are done; else each begins anew."""

    def of(self, full: int, *, least: int = 1) -> int:
        """So much of what is ``full`` at full scale."""
        return max(least, round(full * self.share))


FULL = Scale(1.0, rounds=5, steady_rounds=5)
QUICK = Scale(0.1, rounds=3, steady_rounds=2)


@dataclass(frozen=True, slots=True)
class Run:
    """What a contestant did once: its figures by name, and what came of its work."""

    figures: Mapping[str, float]
    answer: Any = None


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way to do the work. A wrong ``answer`` ends the benchmark: only the same work is worth comparing."""

    run: Callable[[], Run]
    answer: Any = None
    rounds: int | None = None
    """How often to run when not as often as the scale says; for what gives the same figure every time."""


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
        """A figure of a contestant; the lowest when there are several."""
        return cls(name, contestants)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """Ours ÷ theirs, and the bar that it must not be over (or under, with ``at_least``)."""

    name: str
    ours: Figure
    theirs: Figure | float
    bar: float
    unit: str
    note: str = ""
    at_least: bool = False

    def holds(self, ratio: float) -> bool:
        """Whether a measured ratio keeps the bar."""
        return ratio >= self.bar if self.at_least else ratio <= self.bar


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Ratios, and how to open the contest that gives them: it makes inputs and servers, and takes them away again."""

    name: str
    contest: Callable[[Scale], AbstractContextManager[Contest]]
    ratios: tuple[Ratio, ...] = field(default_factory=tuple)
