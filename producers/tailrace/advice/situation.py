"""The situation that advice is for: the input, the time allowed, and the ways that there are."""

from __future__ import annotations

from dataclasses import dataclass

from tailrace.advice.input_facts import InputFacts
from tailrace_core.engines import Engine

CHINA = "aws-cn"
DEFAULT_ROWS_PER_SECOND = 5_000.0
DEFAULT_IDLE_S = 86_400.0
DEFAULT_DEADLINE_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Known facts and assumptions of a case."""

    input: InputFacts
    rows_per_second: float = DEFAULT_ROWS_PER_SECOND
    """Rows that one instance of the model scores per second."""
    idle_s: float = DEFAULT_IDLE_S
    """Time between this file and the next one."""
    deadline_s: float = DEFAULT_DEADLINE_S
    """Time within which the result is needed."""
    partition: str = "aws"
    """``aws``, ``aws-cn`` or ``aws-us-gov``."""
    engines: tuple[Engine, ...] | None = None
    """The engines of the stack, its own first; None if no stack is named."""

    @property
    def has_endpoint(self) -> bool:
        """True if the stack has an endpoint of any kind."""
        return bool(set(self.engines or ()) - {Engine.TRANSFORM})

    @property
    def work_s(self) -> float:
        """Seconds that one instance needs for all rows."""
        return self.input.rows / self.rows_per_second

    def can(self, engine: Engine) -> bool:
        """Tell whether the stack can infer this way; True while no stack is named."""
        return self.engines is None or engine in self.engines


def partition_of(region: str) -> str:
    """Return the partition of a region, by the beginning of its name."""
    if region.startswith("cn-"):
        return CHINA
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"
