"""Finishing: one winner, and the same end for any number of finishers that die."""

from __future__ import annotations

from typing import Any

import pytest

from tailrace_core.jobs.model import ChunkState, Job, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.finishing import complete_finishing, finish_if_complete
from tailrace_core.ledger.memory import MemoryLedger
from tailrace_core.messages.events import JobFinished
from tests.unit.core.job_examples import NOW, SETTINGS, chunk_of, end_of, new_job
from tests.unit.core.strategies import JOB


class Died(BaseException):
    """The process is killed at this point."""


class World(MemoryLedger):
    """Ledger, store and topic in one; it can die before or after each effect of a finisher."""

    def __init__(self) -> None:
        super().__init__()
        self.manifests: dict[str, list[bytes]] = {}
        self.events: list[JobFinished] = []
        self.steps = 0
        self.die_at: int | None = None

    def step(self) -> None:
        """Mark a point between two effects, and die there if it is the chosen one."""
        self.steps += 1
        if self.steps == self.die_at:
            raise Died

    def start_finishing(self, job_id: str, now: float) -> Job | None:
        self.step()
        job = super().start_finishing(job_id, now)
        self.step()
        return job

    def put_manifest(self, key: str, body: bytes) -> str:
        self.step()
        self.manifests.setdefault(key, []).append(body)
        self.step()
        return f"s3://bucket/{key}"

    def publish(self, event: JobFinished) -> None:
        self.step()
        self.events.append(event)
        self.step()

    def finish(self, job_id: str) -> bool:
        self.step()
        finished = super().finish(job_id)
        self.step()
        return finished

    def settled(self) -> World:
        """Create a complete job of two chunks."""
        self.create_job(new_job(), SETTINGS)
        for first_row in (0, 10):
            self.open_chunk(chunk_of(first_row, 10))
            self.settle(end_of(RowRange(first_row, 10), ChunkState.SCORED, rejected=1))
        self.seal(JOB, 20)
        return self

    def finish_as(self, now: float = NOW) -> Job | None:
        return finish_if_complete(JOB, ledger=self, store=self, publisher=self, now=now)

    def end(self) -> tuple[Any, ...]:
        """Return everything visible at the end."""
        (bodies,) = self.manifests.values()
        return self.job(JOB), set(bodies), {event.model_dump_json() for event in self.events}


STEPS = 8


def test_a_complete_job_is_finished_by_the_one_who_looks() -> None:
    world = World().settled()
    assert world.finish_as() is not None
    assert world.finish_as() is None
    assert world.steps == STEPS
    job, bodies, events = world.end()
    assert job.state is JobState.COMPLETED_WITH_REJECTS
    assert (len(bodies), len(events), len(world.events)) == (1, 1, 1)


def test_a_job_that_is_not_complete_is_left_alone() -> None:
    world = World()
    assert world.finish_as() is None
    world.create_job(new_job(), SETTINGS)
    world.open_chunk(chunk_of(0, 10))
    world.seal(JOB, 10)
    assert world.finish_as() is None
    assert (world.steps, world.events) == (0, [])


@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_wherever_a_finisher_dies_the_end_is_the_same(step: int) -> None:
    clean = World().settled()
    clean.finish_as()
    world = World().settled()
    world.die_at = step
    with pytest.raises(Died):
        world.finish_as()
    job = world.job(JOB)
    assert job is not None
    if job.state is JobState.FINISHING:
        complete_finishing(job, ledger=world, store=world, publisher=world)
    elif not job.state.final:
        world.finish_as()
    assert world.end() == clean.end()


@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_a_second_finisher_at_any_moment_changes_nothing(step: int) -> None:
    clean = World().settled()
    clean.finish_as()

    class Interrupted(World):
        def step(self) -> None:
            super().step()
            if self.steps == step:
                self.finish_as(NOW if step == 1 else NOW + 60)

    world = Interrupted().settled()
    world.finish_as()
    assert world.end() == clean.end()
    assert len(world.events) == 1


def test_a_job_without_settings_is_not_finished_silently() -> None:
    world = World().settled()
    world._settings.clear()
    with pytest.raises(ValueError, match="no settings"):
        world.finish_as()
