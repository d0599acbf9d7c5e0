"""Scenarios of remote jobs: small ones, for a fault at every call."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

from tailrace_core.engines import Engine
from tailrace_core.jobs.model import JobState
from tailrace_core.submission.options import OnBadRow, SubmitOptions
from tests.faults.checker import check
from tests.faults.cutting.inbox_job import InboxJob
from tests.faults.cutting.remote_job import RemoteJob
from tests.faults.dataset import Dataset, Row
from tests.faults.injection import Schedule
from tests.faults.simulation import Simulation
from tests.faults.verdict import Report


class _LineRow(Row):
    """A row of JSON Lines: both columns are numbers, so that the CSV that is sent has no quotes."""

    @property
    def json(self) -> bytes:
        return b'{"id": %b, "x": %b}' % (self.kept, self.value)

    @property
    def record(self) -> bytes:
        # A line that is no JSON is rejected with itself as the record, which is one field.
        return b'"%b"' % self.json.replace(b'"', b'""') if self.ragged else self.kept + b"," + self.value


@dataclass(frozen=True)
class _JsonLines(Dataset):
    """A dataset of such rows, as JSON Lines."""

    @classmethod
    def of_numbers(cls, *values: bytes) -> Self:
        """Return rows with these values; one with a comma is a line that is no JSON."""
        return cls(tuple(_LineRow(b"%d" % number, value) for number, value in enumerate(values)))

    @cached_property
    def text(self) -> bytes:
        return b"".join(row.json + b"\n" for row in self.rows if isinstance(row, _LineRow))


def _options(**changes: object) -> SubmitOptions:
    given = {"keep": "id", "chunk_rows": 2, "job_key": "k", "stripe_bytes": 9}
    return SubmitOptions(**{**given, **changes})  # type: ignore[arg-type]  # by name


@dataclass(frozen=True)
class RemoteScenario:
    """A dataset, its options, the expected end, and what is done with the executions."""

    data: Dataset
    options: SubmitOptions = field(default_factory=_options)
    state: JobState | None = None
    engine: Engine = Engine.ASYNC
    rows_per_object: int = 100
    hurry: bool = False
    """True if each call runs out of time after a chunk."""
    arrives: bool = False
    """True if the input is a file of the inbox."""
    play: dict[str, Any] = field(default_factory=dict)
    """How `RemoteJob` plays the executions."""

    def run(self, schedule: Schedule, *, seed: str = "") -> tuple[Simulation, Report]:
        """Cut the job by executions, run until all is at rest, and check."""
        sim = Simulation(schedule, answering=self.data.answering, engine=self.engine)
        sim.invariants.ordered = False
        options = replace(self.options, via=self.engine)
        kind = InboxJob if self.arrives else RemoteJob
        job = kind(sim, self.data, options, seed, rows_per_object=self.rows_per_object, **self.play)
        if self.hurry:
            job.functions.time_left_s = lambda: 0.0
        job_id = job.play()
        sim.drain()
        job.deliver()
        return sim, check(sim, job_id, self.data, expected=self.state)


SCENARIOS: dict[str, RemoteScenario] = {
    "two stripes": RemoteScenario(Dataset.of(b"1", b"poison", b"3", b"4"), rows_per_object=2),
    "one stripe, some rejected before sending": RemoteScenario(
        Dataset.of(b"1,1", b"2,2", b"3"), _options(stripe_bytes=100)
    ),
    "a window of one": RemoteScenario(Dataset.of(b"1", b"2", b"3"), _options(window=1, chunk_rows=1)),
    "out of time after each chunk of a run": RemoteScenario(
        Dataset.of(b"1", b"2", b"3"), _options(stripe_bytes=12, chunk_rows=1), hurry=True
    ),
    "a row that stops it": RemoteScenario(
        Dataset.of(b"1", b"2", b"3,3"), _options(on_bad_row=OnBadRow.STOP), JobState.FAILED
    ),
    "JSON Lines, out of time after each chunk": RemoteScenario(
        _JsonLines.of_numbers(b"1", b"2,2", b"3", b"4"), _options(stripe_bytes=50), rows_per_object=3, hurry=True
    ),
    "a file of the inbox": RemoteScenario(Dataset.of(b"1", b"poison", b"3"), _options(stripe_bytes=100), arrives=True),
    "a file of the inbox that fails": RemoteScenario(
        Dataset.of(b"poison", b"2"), _options(max_rejects=0), JobState.FAILED, arrives=True
    ),
    "real-time": RemoteScenario(Dataset.of(b"1", b"flaky"), engine=Engine.REALTIME),
    "transform": RemoteScenario(Dataset.of(b"1", b"2", b"3"), engine=Engine.TRANSFORM),
}
