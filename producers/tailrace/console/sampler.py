"""The sampler: one for all tabs, so that ten tabs cost as many calls as one.

`Sampler.sample` reads what is due: each job under way every 2 seconds with one GetItem, the rest
less often. `LiveSnapshots` calls it while at least one visible tab listens, and not otherwise. The
number of calls follows from the number of jobs under way alone, neither from their chunks nor from
the tabs.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tailrace.console.readings import Readings
from tailrace.console.snapshot import Sample, Snapshot
from tailrace.progress.cutting import Cutting
from tailrace_core.errors import TailraceError
from tailrace_core.jobs.model import Job, JobState

EVERY_S = 2.0
MAX_WATCHED = 25
"""Most jobs under way that are read every `EVERY_S`; further ones are read with the list."""
MAX_OPENED = 200
"""Most jobs that are remembered because a page showed them."""
KEPT_SAMPLES = 1_800


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    every_s: float
    read: Callable[[Readings], Any]


_PARTS = (
    _Part("jobs", 10.0, lambda readings: readings.jobs()),
    _Part("parked", 10.0, lambda readings: readings.parked()),
    _Part("queues", 30.0, lambda readings: readings.queues()),
    _Part("alarms", 30.0, lambda readings: readings.alarms()),
    _Part("endpoint", 20.0, lambda readings: readings.endpoint()),
)


class Sampler:
    """Takes snapshots of one stack; safe to call from several threads."""

    def __init__(self, readings: Readings, *, now: Callable[[], float]) -> None:
        self._readings = readings
        self._now = now
        self._lock = threading.Lock()
        self._snapshot = Snapshot()
        self._due: dict[str, float] = {}
        self._opened: dict[str, Job] = {}
        self._samples: dict[str, deque[Sample]] = {}

    def sample(self) -> Snapshot:
        """Return the snapshot, brought up to date if it is older than `EVERY_S`."""
        with self._lock:
            now = self._now()
            if now - self._snapshot.at >= EVERY_S - 0.1:
                self._snapshot = self._taken(now)
            return self._snapshot

    def refresh(self) -> None:
        """Have everything read by the next sample: something was changed."""
        with self._lock:
            self._due.clear()
            self._snapshot = replace(self._snapshot, at=0.0)

    def open(self, job_id: str) -> Job | None:
        """Return a job that a page shows, and watch it from now on; None when there is none."""
        with self._lock:
            job = self._snapshot.job(job_id) or self._readings.job(job_id)
            if job is not None and job_id not in self._opened:
                while len(self._opened) >= MAX_OPENED:
                    del self._opened[next(iter(self._opened))]
                self._opened[job_id] = job
                problems = dict(self._snapshot.problems)
                jobs = self._jobs(self._snapshot.jobs)
                cuttings = {**self._snapshot.cuttings, **self._cuttings([job], problems)}
                self._snapshot = replace(self._snapshot, jobs=jobs, cuttings=cuttings, problems=problems)
            return job

    def _taken(self, now: float) -> Snapshot:
        snapshot = self._snapshot
        problems = dict(snapshot.problems)
        listed = False
        for part in _PARTS:
            if now < self._due.get(part.name, 0.0):
                continue
            self._due[part.name] = now + part.every_s - 0.1
            try:
                value = part.read(self._readings)
            except TailraceError as exc:
                problems[part.name] = str(exc)
                continue
            problems.pop(part.name, None)
            if part.name == "jobs":
                listed = True
                value = self._jobs(value)
            snapshot = replace(snapshot, **{part.name: value})
        jobs = self._watched(snapshot, problems, listed=listed)
        for job in jobs:
            if not job.state.final or job.job_id in self._samples:
                self._samples.setdefault(job.job_id, deque(maxlen=KEPT_SAMPLES)).append(Sample.of(job, now))
        known = {job.job_id for job in jobs}
        self._samples = {job_id: samples for job_id, samples in self._samples.items() if job_id in known}
        return replace(
            snapshot,
            at=now,
            jobs=jobs,
            descriptions=self._readings.descriptions,
            cuttings=self._cuttings([job for job in jobs if job.job_id in self._opened], problems),
            samples={job_id: tuple(samples) for job_id, samples in self._samples.items()},
            problems=problems,
        )

    def _jobs(self, listed: tuple[Job, ...]) -> tuple[Job, ...]:
        known = {job.job_id for job in listed}
        others = [job for job_id, job in self._opened.items() if job_id not in known]
        return tuple(sorted([*listed, *others], key=lambda job: -job.created_at))

    def _watched(self, snapshot: Snapshot, problems: dict[str, str], *, listed: bool) -> tuple[Job, ...]:
        """Read the jobs under way again; where the list was just read, the opened ones alone."""
        under_way = [job for job in snapshot.jobs if not job.state.final]
        if listed:
            under_way = [job for job in under_way if job.job_id in self._opened]
        fresh: dict[str, Job] = {}
        try:
            for job in under_way[:MAX_WATCHED]:
                fresh[job.job_id] = self._readings.job(job.job_id) or job
        except TailraceError as exc:
            problems["job"] = str(exc)
        else:
            problems.pop("job", None)
        self._opened.update({job_id: job for job_id, job in fresh.items() if job_id in self._opened})
        return tuple(fresh.get(job.job_id, job) for job in snapshot.jobs)

    def _cuttings(self, jobs: Sequence[Job], problems: dict[str, str]) -> dict[str, Cutting]:
        """Read how far the inputs of jobs that a page shows are cut, until they are sealed."""
        found: dict[str, Cutting] = {}
        try:
            for job in [job for job in jobs if job.state is JobState.SUBMITTING][:MAX_WATCHED]:
                if (cutting := self._readings.cutting(job.job_id)) is not None:
                    found[job.job_id] = cutting
        except TailraceError as exc:
            problems["cutting"] = str(exc)
        else:
            problems.pop("cutting", None)
        return found


class LiveSnapshots:
    """Samples for all listening tabs; nothing is read while none listens."""

    def __init__(self, sampler: Sampler, *, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        self._sampler = sampler
        self._sleep = sleep
        self._listeners = 0
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._turn = 0
        self._closed = False

    @property
    def listeners(self) -> int:
        """Number of tabs that listen."""
        return self._listeners

    async def current(self) -> Snapshot:
        """Return a snapshot that is at most `EVERY_S` old."""
        return await asyncio.to_thread(self._sampler.sample)

    async def updates(self) -> AsyncIterator[Snapshot]:
        """Yield a snapshot now and after each turn of the sampler, until the server closes."""
        async with self._listening():
            while not self._closed:
                turn = self._turn
                yield await self.current()
                async with self._changed:
                    while self._turn == turn and not self._closed:
                        await self._changed.wait()

    async def close(self) -> None:
        """End the streams of all tabs."""
        self._closed = True
        async with self._changed:
            self._changed.notify_all()
        if self._task is not None:
            self._task.cancel()

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncIterator[None]:
        self._listeners += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            self._listeners -= 1

    async def _run(self) -> None:
        while self._listeners and not self._closed:
            await self._sleep(EVERY_S)
            if not self._listeners:
                return
            try:
                await self.current()
            finally:
                # Also after an error: the tabs then meet it themselves, and connect anew.
                self._turn += 1
                async with self._changed:
                    self._changed.notify_all()
