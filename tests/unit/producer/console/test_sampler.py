from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from tailrace.console.sampler import EVERY_S, MAX_WATCHED, LiveSnapshots, Sampler
from tailrace.console.snapshot import EndpointState, Queues
from tailrace.operations.attention import Attention
from tailrace.progress.cutting import Cutting, Phase
from tailrace_core.errors import AccessDeniedError
from tailrace_core.jobs.description import JobDescription
from tailrace_core.jobs.model import Job, JobState
from tests.unit.producer.console.jobs import CREATED, job


class Readings:
    """Counts the reads."""

    def __init__(self, *jobs: Job) -> None:
        self.stored = {each.job_id: each for each in jobs}
        self.reads: Counter[str] = Counter()
        self.denied: set[str] = set()
        self.descriptions = {each.job_id: JobDescription(name=f"name of {each.job_id}") for each in jobs}

    def _read(self, name: str, value: Any) -> Any:
        self.reads[name] += 1
        if name in self.denied:
            raise AccessDeniedError(f"{name} is not allowed")
        return value

    def jobs(self) -> tuple[Job, ...]:
        found: tuple[Job, ...] = self._read("jobs", tuple(self.stored.values()))
        return found

    def job(self, job_id: str) -> Job | None:
        found: Job | None = self._read("job", self.stored.get(job_id))
        return found

    def cutting(self, job_id: str) -> Cutting:
        found: Cutting = self._read("cutting", Cutting(execution=f"arn:{job_id}", state="RUNNING", phase=Phase.COUNT))
        return found

    def parked(self) -> Attention:
        found: Attention = self._read("parked", Attention(chunks=(), complete=True))
        return found

    def queues(self) -> Queues:
        found: Queues = self._read("queues", Queues())
        return found

    def alarms(self) -> tuple[()]:
        found: tuple[()] = self._read("alarms", ())
        return found

    def endpoint(self) -> EndpointState:
        found: EndpointState = self._read("endpoint", EndpointState(name="e", status="InService"))
        return found


class Clock:
    """Goes on when somebody sleeps, and stands still after a minute."""

    def __init__(self) -> None:
        self.now = CREATED

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        if self.now >= CREATED + 60:
            await asyncio.Event().wait()
        self.now += seconds
        await asyncio.sleep(0)


def sampler(readings: Readings, clock: Clock) -> Sampler:
    return Sampler(readings, now=clock)  # type: ignore[arg-type]


async def minute(readings: Readings, tabs: int) -> Counter[str]:
    """Return the reads of a minute in which ``tabs`` tabs listen."""
    clock = Clock()
    live = LiveSnapshots(sampler(readings, clock), sleep=clock.sleep)

    async def tab() -> None:
        async for snapshot in live.updates():
            if snapshot.at >= CREATED + 60:
                return

    await asyncio.gather(*(tab() for _ in range(tabs)))
    await live.close()
    assert live.listeners == 0
    return readings.reads


@pytest.mark.asyncio
async def test_five_tabs_cost_as_many_reads_as_one() -> None:
    one = await minute(Readings(job()), 1)
    assert await minute(Readings(job()), 5) == one
    assert one["jobs"] == 7
    assert one["job"] + one["jobs"] == 31
    assert one["queues"] == 3


@pytest.mark.asyncio
async def test_nothing_is_read_while_no_tab_listens() -> None:
    clock, readings = Clock(), Readings(job())
    live = LiveSnapshots(sampler(readings, clock), sleep=clock.sleep)
    updates = live.updates()
    await anext(updates)
    await updates.aclose()  # type: ignore[attr-defined]
    before = Counter(readings.reads)
    assert live.listeners == 0
    # The sampler ends by itself, perhaps after a sample that a thread is taking now.
    async with asyncio.timeout(60):
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))
    assert readings.reads["jobs"] <= before["jobs"] + 1
    settled = Counter(readings.reads)
    clock.now += 600
    for _ in range(20):
        await asyncio.sleep(0.001)
    assert readings.reads == settled


def test_an_ended_job_is_not_read_again_and_those_under_way_are_bounded() -> None:
    ended = job(state=JobState.COMPLETED, rows_scored=1_000)
    running = [
        Job(job_id=f"j{n}", state=JobState.RUNNING, created_at=CREATED, deadline_at=CREATED + 9) for n in range(99)
    ]
    clock, readings = Clock(), Readings(ended, *running)
    taken = sampler(readings, clock)
    taken.sample()
    clock.now += EVERY_S
    taken.sample()
    assert readings.reads["job"] == MAX_WATCHED


def test_a_snapshot_serves_all_callers_until_it_is_two_seconds_old() -> None:
    clock, readings = Clock(), Readings(job())
    taken = sampler(readings, clock)
    first = taken.sample()
    clock.now += 1.5
    assert taken.sample() is first
    clock.now += 0.5
    assert taken.sample() is not first
    taken.refresh()
    taken.sample()
    assert readings.reads["queues"] == 2


def test_what_cannot_be_read_is_named_and_the_rest_is_shown() -> None:
    clock, readings = Clock(), Readings(job())
    readings.denied = {"alarms"}
    found = sampler(readings, clock).sample()
    assert list(found.problems) == ["alarms"]
    assert [each.job_id for each in found.jobs] == [job().job_id]


def test_a_job_that_a_page_opened_is_watched_though_it_is_not_among_the_newest() -> None:
    clock, readings = Clock(), Readings()
    taken = sampler(readings, clock)
    taken.sample()
    readings.stored["old"] = Job(job_id="old", state=JobState.RUNNING, created_at=1.0, deadline_at=CREATED + 9)
    listed, readings.jobs = readings.jobs, lambda: ()  # type: ignore[method-assign]
    assert listed() != ()
    assert taken.open("old") is not None
    assert taken.open("none") is None
    for _ in range(3):
        clock.now += EVERY_S
        found = taken.sample()
    assert found.job("old") is not None
    assert len(found.samples["old"]) == 3


def test_the_cutting_is_read_of_jobs_that_a_page_shows_until_they_are_sealed() -> None:
    clock, readings = Clock(), Readings(job(state=JobState.SUBMITTING))
    taken = sampler(readings, clock)
    assert not taken.sample().cuttings
    taken.open(job().job_id)
    assert taken.sample().cuttings[job().job_id].phase is Phase.COUNT
    readings.denied = {"cutting"}
    clock.now += EVERY_S
    found = taken.sample()
    assert (list(found.problems), found.cuttings) == (["cutting"], {})
    readings.stored[job().job_id] = job()
    for _ in range(2):
        clock.now += EVERY_S
        found = taken.sample()
    assert (dict(found.problems), readings.reads["cutting"]) == ({}, 2)
