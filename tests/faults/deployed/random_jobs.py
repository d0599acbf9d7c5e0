"""Random jobs: an input with flaws, options, and an interruption."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

from tailrace.options import SubmitOptions
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.jobs.model import JobState
from tests.faults.deployed.demand_input import IN_PREFLIGHT, DemandInput, Flaw
from tests.integration.pipeline.demand_rows import demand_rows

_MOST_ROWS = 240
_MOST_REFUSED = 4
"""Most rows that the pre-flight check rejects; see `random_faults`."""


class Interruption(StrEnum):
    """Interruption of a job, in addition to the faults."""

    NOTHING = "nothing"
    PRODUCER_KILLED = "the producer is killed, and submits again"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class RandomJob:
    """One job, determined by its seed."""

    input: DemandInput
    options: SubmitOptions
    interruption: Interruption
    interrupt_at: float
    """Share of the rows that are recorded, or settled, at the interruption."""

    @classmethod
    def of(cls, source: random.Random, *, interruption: Interruption | None = None) -> RandomJob:
        """Draw a job; ``interruption`` fixes its interruption."""
        header = source.choice(list(HeaderPolicy))
        count = source.randint(20, _MOST_ROWS)
        rows = demand_rows(count, source.randrange(2**31), awkward=source.random() < 0.3)
        data = DemandInput(rows, _flaws(source, count, header), source.random() < 0.7, header)
        options = SubmitOptions(
            header=header,
            keep=data.keep,
            chunk_rows=source.randint(4, 60),
            max_rejects=source.choice((None, None, None, 2, "3%")),
            window=source.choice((0, 1, 2, 4, 200)),
        )
        return cls(data, options, interruption or source.choice((*Interruption, Interruption.NOTHING)), source.random())

    @property
    def ends(self) -> frozenset[JobState]:
        """Allowed final states."""
        rejects = len(self.input.flaws)
        usual = JobState.COMPLETED_WITH_REJECTS if rejects else JobState.COMPLETED
        if self._over_limit(rejects) or rejects == len(self.input.rows):
            usual = JobState.FAILED
        return frozenset({usual, JobState.CANCELLED} if self.interruption is Interruption.CANCELLED else {usual})

    def _over_limit(self, rejects: int) -> bool:
        limit = self.options.max_rejects
        if isinstance(limit, str):
            return rejects * 100 > float(limit.removesuffix("%")) * len(self.input.rows)
        return limit is not None and rejects > limit

    def __str__(self) -> str:
        chosen = f"{self.options.header} header, chunks of {self.options.chunk_rows}, window {self.options.window}"
        flaws = ", ".join(f"{row} {flaw.name}" for row, flaw in sorted(self.input.flaws.items()))
        return (
            f"{len(self.input.rows)} rows, keep {self.input.keep}, {chosen}, "
            f"max_rejects {self.options.max_rejects}, flaws: {flaws or 'none'}; "
            f"{self.interruption} at {self.interrupt_at:.2f}"
        )


def _flaws(source: random.Random, count: int, header: HeaderPolicy) -> dict[int, Flaw]:
    refused = [each for each in IN_PREFLIGHT if each is not Flaw.HEADER or header is not HeaderPolicy.NONE]
    kinds = [Flaw.PRICE] * source.choice((0, 0, 1, 1, 2, 3))
    kinds += source.choices(refused, k=source.choice((0, 0, 1, 2, _MOST_REFUSED)))
    # Without a header the first row determines the number of columns.
    return dict(zip(source.sample(range(1, count), len(kinds)), kinds, strict=True))
