"""Scenarios: small jobs for a fault at every call; together they make every type of call."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tailrace_core.engines import Engine
from tailrace_core.jobs.model import JobState
from tailrace_core.submission.options import SubmitOptions
from tests.faults.checker import check
from tests.faults.dataset import Dataset
from tests.faults.functions import Mutation, no_mutation
from tests.faults.injection import Schedule
from tests.faults.simulation import Simulation
from tests.faults.transforms import Trouble
from tests.faults.verdict import Report


@dataclass(frozen=True)
class Scenario:
    """A dataset, the options of its submit, and the expected end of the job."""

    data: Dataset
    options: SubmitOptions = field(default_factory=lambda: SubmitOptions(keep="id", chunk_rows=3, job_key="k"))
    state: JobState | None = None
    """Expected final state; None for the one that follows from the dataset."""
    notification_counts: tuple[int | None, ...] = ()
    """Notifications of the first requests, see `Simulation`."""
    piece_bytes: int | None = None
    """Size of the pieces in which functions upload parts; None for one piece."""
    engine: Engine = Engine.ASYNC
    transform_events: tuple[int, ...] = ()
    """Events of the ends of the first transform jobs; 0 loses one."""
    slept_s: float = 0.0
    """Time without the reconciler after the submit, in seconds."""

    def run(
        self, schedule: Schedule, *, meanwhile: bool = False, mutate: Mutation = no_mutation
    ) -> tuple[Simulation, Report]:
        """Submit until it succeeds, run until all is at rest, and check."""
        sim = Simulation(
            schedule,
            mutate,
            notification_counts=list(self.notification_counts),
            piece_bytes=self.piece_bytes,
            answering=self.data.answering,
            engine=self.engine,
        )
        sim.transforms.troubles = [Trouble(events=each) for each in self.transform_events]
        options = replace(self.options, via=self.engine) if self.engine is Engine.TRANSFORM else self.options
        job_id = sim.submit_until_done(self.data.text, options, meanwhile=meanwhile)
        sim.pump()
        sim.cloud.clock.advance(self.slept_s)
        sim.drain()
        return sim, check(sim, job_id, self.data, expected=self.state)


def _with(**changes: object) -> SubmitOptions:
    return SubmitOptions(**{"keep": "id", "chunk_rows": 3, "job_key": "k", **changes})  # type: ignore[arg-type]  # by name


SCENARIOS: dict[str, Scenario] = {
    "all good": Scenario(Dataset.of(b"1", b"2", b"3", b"4")),
    "one poison row": Scenario(Dataset.of(b"1", b"poison", b"3")),
    "misaligned output": Scenario(Dataset.of(b"1", b"2", b"swallow")),
    "transient errors": Scenario(Dataset.of(b"1", b"flaky", b"3")),
    "rejected before sending": Scenario(Dataset.of(b"1", b"2,2", b"3", b"4,4", b"5,5"), _with(chunk_rows=3)),
    "all rejected before sending": Scenario(Dataset.of(b"1,1", b"2,2")),
    "rejected here and there": Scenario(Dataset.of(b"1,1", b"poison", b"3")),
    "rejected before sending, then misaligned": Scenario(Dataset.of(b"swallow", b"2,2")),
    "server errors for good": Scenario(Dataset.of(b"1", b"fatal", b"3"), _with(chunk_rows=2)),
    "no split budget": Scenario(Dataset.of(b"poison", b"poison"), _with(split_budget=0)),
    "over the limit": Scenario(Dataset.of(b"poison", b"2", b"3"), _with(max_rejects=0), JobState.FAILED),
    "notified twice": Scenario(Dataset.of(b"1", b"poison", b"3"), notification_counts=(2, 3, 2)),
    "notifications lost": Scenario(Dataset.of(b"1", b"poison"), notification_counts=(0, 0, 0)),
    "request lost": Scenario(
        Dataset.of(b"1", b"2"), _with(request_ttl_s=60, invocation_timeout_s=1), notification_counts=(None,)
    ),
    "a window of one": Scenario(Dataset.of(b"1", b"2", b"3"), _with(chunk_rows=1, window=1)),
    "a window, and chunks that become more": Scenario(Dataset.of(b"1", b"poison", b"3"), _with(chunk_rows=2, window=1)),
    "a window, deadline passed": Scenario(
        Dataset.of(b"1", b"2"),
        _with(chunk_rows=1, window=1, deadline_s=1_000),
        JobState.EXPIRED,
        notification_counts=(None,) * 6,
    ),
    "a window, notifications lost": Scenario(
        Dataset.of(b"1", b"2", b"3"), _with(chunk_rows=1, window=2), notification_counts=(0, 0, 0)
    ),
    "deadline passed": Scenario(
        Dataset.of(b"1", b"2"), _with(deadline_s=1_000), JobState.EXPIRED, notification_counts=(None,) * 6
    ),
    # As small as possible, so that all pairs of faults can be tried.
    "one bad row": Scenario(Dataset.of(b"poison")),
    "one good, one rejected before sending": Scenario(Dataset.of(b"1", b"2,2"), piece_bytes=8),
    "one misaligned row": Scenario(Dataset.of(b"swallow")),
    "two rows that fail together": Scenario(Dataset.of(b"quarrel1", b"quarrel2")),
    "two rows that shift together": Scenario(Dataset.of(b"shy1", b"shy2")),
    "retry throttled": Scenario(Dataset.of(b"flaky busy")),
    "retry refused for good": Scenario(Dataset.of(b"flaky refused")),
    "one notification lost": Scenario(Dataset.of(b"1"), notification_counts=(0,)),
    "one failure unheard of": Scenario(Dataset.of(b"1", b"poison"), _with(chunk_rows=1), notification_counts=(1, 0)),
    "request given up": Scenario(
        Dataset.of(b"quarrel1", b"quarrel2"),
        _with(request_ttl_s=60, invocation_timeout_s=1),
        notification_counts=(1, None),
        slept_s=1_000,
    ),
    "deadline slept through": Scenario(
        Dataset.of(b"1"), _with(deadline_s=1_000), JobState.EXPIRED, notification_counts=(None,) * 6, slept_s=1_000
    ),
    # Rows in JSON.
    "json, rejected before sending and misaligned": Scenario(
        Dataset.of(b"poison", b"2,2", b"swallow"), _with(request="json", canaries=1)
    ),
    # By a real-time endpoint: ScoreChunks stands in for the asynchronous service.
    "real-time, one good, one rejected before sending": Scenario(Dataset.of(b"1", b"2,2"), engine=Engine.REALTIME),
    "real-time, two rows that fail together": Scenario(Dataset.of(b"quarrel1", b"quarrel2"), engine=Engine.REALTIME),
    "real-time, retry throttled": Scenario(Dataset.of(b"flaky busy"), engine=Engine.REALTIME),
    "real-time, one notification lost": Scenario(Dataset.of(b"1"), notification_counts=(0,), engine=Engine.REALTIME),
    "real-time, request given up": Scenario(
        Dataset.of(b"1"),
        _with(request_ttl_s=60, invocation_timeout_s=1),
        notification_counts=(None,),
        slept_s=1_000,
        engine=Engine.REALTIME,
    ),
    # By batch transforms, in rounds.
    "transform, one good, one rejected before sending": Scenario(Dataset.of(b"1", b"2,2"), engine=Engine.TRANSFORM),
    "transform, a row that fails once": Scenario(
        Dataset.of(b"flaky"), engine=Engine.TRANSFORM, transform_events=(1, 2)
    ),
}
