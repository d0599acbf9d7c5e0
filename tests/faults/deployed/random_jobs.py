"""Random jobs: an input with flaws, options, and an interruption."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.jobs.model import JobState, OnParked
from tailrace_core.jobs.settings import RequestFormat
from tailrace_core.submission.options import SubmitOptions
from tests.faults.deployed.demand_input import ANSWERS, IN_PREFLIGHT, DemandInput, Disorder, Flaw
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
    hurries: int
    """Number of times that the operator makes all queued attempts at once."""

    @classmethod
    def of(cls, source: random.Random, *, interruption: Interruption | None = None) -> RandomJob:
        """Draw a job; ``interruption`` fixes its interruption."""
        header = source.choice(list(HeaderPolicy))
        count = source.randint(20, _MOST_ROWS)
        rows = demand_rows(count, source.randrange(2**31), awkward=source.random() < 0.3)
        flaws = _flaws(source, count, header)
        # Two copies show a disorder also where two rows happen to have the same prediction.
        canaries = source.choice((0, 0, 0, 2, 8))
        disorders = _disorders(source, count, flaws) if canaries else {}
        data = DemandInput(rows, flaws, source.random() < 0.7, header, disorders)
        options = SubmitOptions(
            header=header,
            keep=data.keep,
            chunk_rows=source.randint(4, 60),
            na=source.choice(((), ("NA",))),
            max_rejects=source.choice((None, None, None, 2, "3%")),
            split_budget=source.choice((None, None, None, 0, 1, 5)),
            window=source.choice((0, 1, 2, 4, 200)),
            on_parked=source.choice((OnParked.WAIT, OnParked.WAIT, OnParked.FAIL)),
            canaries=canaries,
        )
        interrupted = interruption or source.choice((*Interruption, Interruption.NOTHING))
        return cls(data, options, interrupted, source.random(), source.choice((0, 0, 3)))

    def ends(self, rejects: int) -> frozenset[JobState]:
        """Allowed final states of a job with so many rejected rows."""
        usual = JobState.COMPLETED_WITH_REJECTS if rejects else JobState.COMPLETED
        if self._over_limit(rejects) or rejects == len(self.input.rows):
            usual = JobState.FAILED
        early = {JobState.CANCELLED} if self.interruption is Interruption.CANCELLED else set[JobState]()
        return frozenset({usual, *early, *((JobState.FAILED,) if self.options.on_parked is OnParked.FAIL else ())})

    @property
    def drawn(self) -> Counter[str]:
        """Features of the job, to be counted."""
        flaws = Counter(flaw.name for flaw in self.input.flaws.values() if flaw in ANSWERS)
        return Counter(
            {
                "jobs with canaries": int(self.options.canaries > 0),
                "jobs with --na": int(bool(self.options.na)),
                "jobs of JSON Lines": int(self.input.lines),
                "jobs asked in JSON": int(self.options.request is not RequestFormat.CSV),
                "rows that answer 500": flaws.pop(Flaw.CRASH.name, 0),
                "rows that answer an error page": flaws.total(),
                "rows that move answers": len(self.input.disorders),
            }
        )

    def _over_limit(self, rejects: int) -> bool:
        limit = self.options.max_rejects
        if isinstance(limit, str):
            return rejects * 100 > float(limit.removesuffix("%")) * len(self.input.rows)
        return limit is not None and rejects > limit

    def __str__(self) -> str:
        chosen = f"{self.options.header} header, chunks of {self.options.chunk_rows}, window {self.options.window}"
        flaws = {**self.input.flaws, **self.input.disorders}
        named = ", ".join(f"{row} {flaw.name}" for row, flaw in sorted(flaws.items()))
        formats = f"{'JSON Lines' if self.input.lines else 'CSV'}, requests in {self.options.request}"
        return (
            f"{len(self.input.rows)} rows, {formats}, keep {self.input.keep}, {chosen}, "
            f"max_rejects {self.options.max_rejects}, split_budget {self.options.split_budget}, "
            f"on_parked {self.options.on_parked}, canaries {self.options.canaries}, na {self.options.na}, "
            f"hurries {self.hurries}, flaws: {named or 'none'}; {self.interruption} at {self.interrupt_at:.2f}"
        )


def _flaws(source: random.Random, count: int, header: HeaderPolicy) -> dict[int, Flaw]:
    refused = [each for each in IN_PREFLIGHT if each is not Flaw.HEADER or header is not HeaderPolicy.NONE]
    kinds = [Flaw.PRICE] * source.choice((0, 0, 1, 1, 2, 3))
    kinds += source.choices(refused, k=source.choice((0, 0, 1, 2, _MOST_REFUSED)))
    kinds += [Flaw.MISSING] * source.choice((0, 0, 1, 2))
    kinds += source.choices(ANSWERS, k=source.choice((0, 0, 1, 2)))
    # Without a header the first row determines the number of columns.
    return dict(zip(source.sample(range(1, count), len(kinds)), kinds, strict=True))


def _disorders(source: random.Random, count: int, flaws: Mapping[int, Flaw]) -> dict[int, Disorder]:
    good = [row for row in range(count) if row not in flaws]
    return {row: source.choice(list(Disorder)) for row in source.sample(good, source.choice((0, 1, 2)))}
