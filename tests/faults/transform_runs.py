"""Random simulations of batch transforms: the rows and faults of `RandomRun`, and troubled jobs."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace

from tailrace_consumers.reconcile_jobs.service import ANSWER_GRACE_S
from tailrace_core.engines import Engine, limits_of
from tailrace_core.submission.options import DEFAULT_REQUEST_TTL_S
from tests.faults.functions import RECONCILE_EVERY_S, Mutation, no_mutation
from tests.faults.injection import Schedule
from tests.faults.random_runs import ENGINES, RandomRun
from tests.faults.simulation import Simulation
from tests.faults.transforms import ALGORITHM_ERROR, INTERNAL_ERROR, NO_CAPACITY, Trouble
from tests.faults.verdict import Report

ALL_ENGINES = (*ENGINES, Engine.TRANSFORM)
_REASONS = (None, None, None, ALGORITHM_ERROR, INTERNAL_ERROR, NO_CAPACITY)
_REST = ("", "", Engine.ASYNC, Engine.REALTIME)
"""Engines of the endpoint beside the transforms, if any."""
_GIVEN_UP_S = DEFAULT_REQUEST_TTL_S + limits_of(Engine.TRANSFORM).max_model_s + ANSWER_GRACE_S + RECONCILE_EVERY_S
"""Most time until a request to that endpoint whose answer is lost is given up."""


def draw(seed: str, engine: Engine | None = None) -> RandomRun | TransformRun:
    """Draw a simulation, and its engine unless it is given."""
    # Drawn apart, so that a seed means the same rows and faults for each engine.
    engine = engine or random.Random(f"{seed} engine").choice(ALL_ENGINES)
    return TransformRun.of(seed) if engine is Engine.TRANSFORM else RandomRun.of(seed, engine)


@dataclass(frozen=True)
class TransformRun:
    """One random simulation of a job that is scored by transform jobs, determined by its seed."""

    drawn_as: RandomRun
    troubles: tuple[Trouble, ...]
    layout: int
    rest_engine: str

    @classmethod
    def of(cls, seed: str) -> TransformRun:
        """Draw a simulation."""
        source = random.Random(f"{seed} transform")
        troubles = tuple(
            Trouble(
                events=source.choice((0, 1, 1, 1, 2, 3)),
                reason=source.choice(_REASONS),
                after=source.randint(0, 3),
                refused=source.choice((0, 0, 0, 1, 3)),
            )
            for _ in range(source.randint(0, 4))
        )
        run = RandomRun.of(seed, Engine.TRANSFORM)
        rest_engine = source.choice(_REST)
        # An outage is one of the endpoint, and only what is left over goes there.
        options = replace(run.options, via=Engine.TRANSFORM, request_ttl_s=None)
        run = replace(run, options=options, outage_s=run.outage_s if rest_engine else None)
        if rest_engine:
            run = with_time_for_losses(run)
        return cls(run, troubles, source.choice((0, 0, 1, 2)), rest_engine)

    @property
    def engine(self) -> Engine:
        """The engine of the job."""
        return Engine.TRANSFORM

    @property
    def drawn(self) -> Counter[str]:
        """Features of the simulation, to be counted."""
        troubled = sum(each.reason is not None or each.events != 1 for each in self.troubles)
        return self.drawn_as.drawn + Counter({"troubled transform jobs": troubled})

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
            engine=Engine.TRANSFORM,
        )
        sim.transforms.troubles = [replace(each) for each in self.troubles]
        sim.transforms.layout = self.layout
        sim.functions.rest_engine = self.rest_engine
        return run.play(sim)


def with_time_for_losses(run: RandomRun) -> RandomRun:
    """Return the run with a later deadline, so that all its lost answers may befall one chunk.

    A job via transform has no time to live of its own: each request to the endpoint beside it waits
    for the default one, and four in a row take longer than the default deadline.
    """
    losses = sum(not count for count in run.notification_counts)
    deadline_s = run.options.deadline_s + losses * _GIVEN_UP_S
    return replace(run, options=replace(run.options, deadline_s=deadline_s))
