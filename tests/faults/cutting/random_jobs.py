"""Random remote jobs: the rows, options and faults of `RandomRun`, and how their input is cut."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from tailrace_core.engines import Engine
from tests.faults.cutting.inbox_job import InboxJob
from tests.faults.cutting.remote_job import RemoteJob
from tests.faults.functions import Mutation, no_mutation
from tests.faults.injection import Schedule
from tests.faults.random_runs import RandomRun
from tests.faults.simulation import Simulation
from tests.faults.verdict import Report

SHARE = 0.25
"""Share of the random simulations that are remote."""
INBOX_SHARE = 0.4
"""Share of these whose input arrives in the inbox."""


def is_remote(seed: str) -> bool:
    """Draw whether a simulation is one of a remote job."""
    # Drawn apart, so that a seed means the same rows and faults for both.
    return random.Random(f"{seed} where").random() < SHARE


@dataclass(frozen=True)
class RemoteRun:
    """One random simulation of a job that is cut where it lies, determined by its seed."""

    drawn_as: RandomRun
    stripe_bytes: int
    calls_until_late: int | None
    """Number of chunks that a call cuts before its time runs out; None for all."""
    play: dict[str, Any]
    arrives: bool = False
    """True if the input is a file of the inbox."""

    @classmethod
    def of(cls, seed: str, engine: Engine | None = None) -> RemoteRun:
        """Draw a simulation, and its engine unless it is given."""
        source = random.Random(f"{seed} remote")
        run = RandomRun.of(seed, engine)
        play = {
            "seed": seed,
            "rows_per_object": source.choice((1, 2, 5, 100)),
            "executions": source.choice((1, 1, 1, 2, 3)),
            "repeated": source.choice((0.0, 0.0, 0.2)),
            "replayed": source.choice((0.0, 0.0, 0.3)),
            "meanwhile": source.choice((0.0, 0.2, 1.0)),
        }
        stripe_bytes, calls_until_late = source.choice((1, 5, 12, 30, 1_000)), source.choice((None, None, 1, 2))
        return cls(run, stripe_bytes, calls_until_late, play, arrives=source.random() < INBOX_SHARE)

    @property
    def engine(self) -> Engine:
        """The engine of the job."""
        return self.drawn_as.engine

    @property
    def drawn(self) -> Counter[str]:
        """Features of the simulation, to be counted."""
        return self.drawn_as.drawn + Counter(
            {"remote": 1, "by several executions": self.play["executions"] > 1, "from the inbox": self.arrives}
        )

    def run(self, mutate: Mutation = no_mutation) -> tuple[Simulation, Report]:
        """Run the simulation; raise AssertionError if it ends wrongly."""
        run = self.drawn_as
        sim = Simulation(
            Schedule(run.faults),
            mutate,
            notification_counts=list(run.notification_counts),
            outage_s=run.outage_s,
            hurries=run.hurries,
            answering=run.data.answering,
            engine=run.engine,
        )
        sim.invariants.ordered = False
        options = replace(run.options, via=run.engine, stripe_bytes=self.stripe_bytes)
        job = (InboxJob if self.arrives else RemoteJob)(sim, run.data, options, **self.play)
        if self.calls_until_late is not None:
            job.functions.time_left_s = _Hurry(self.calls_until_late)
        job_id = job.play()
        sim.drain()
        job.deliver()
        return run.check(sim, job_id)


class _Hurry:
    """A function's time, which runs out again and again."""

    def __init__(self, chunks: int) -> None:
        self._chunks = chunks
        self._asked = 0

    def __call__(self) -> float:
        self._asked += 1
        return 0.0 if self._asked % (self._chunks + 1) == 0 else 900.0
