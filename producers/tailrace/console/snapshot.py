"""A snapshot of one stack: what the pages show, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tailrace.operations.attention import Attention
from tailrace.progress.cutting import Cutting
from tailrace_core.jobs.description import JobDescription
from tailrace_core.jobs.model import Job

_NOTHING_PARKED = Attention(chunks=(), complete=True)


@dataclass(frozen=True, slots=True)
class Sample:
    """A job's counters at one moment, in rows."""

    at: float
    scored: int
    rejected: int
    cancelled: int

    @classmethod
    def of(cls, job: Job, at: float) -> Sample:
        """Take the sample of a job that was read at ``at``."""
        return cls(at, job.rows_scored, job.rows_rejected, job.rows_cancelled)

    @property
    def settled(self) -> int:
        """Rows in a final state."""
        return self.scored + self.rejected + self.cancelled


@dataclass(frozen=True, slots=True)
class QueueSize:
    """A queue and about how many messages it holds; None where the identity may not ask."""

    name: str
    messages: int | None
    resendable: bool = True
    """False for ticks of a schedule, which are not sent again."""


@dataclass(frozen=True, slots=True)
class Queues:
    """The sizes of the queues that operators care about. Nothing is received for them."""

    dead_letters: tuple[QueueSize, ...] = ()
    results: int | None = None


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm in the state ALARM."""

    name: str
    description: str
    since: float | None


@dataclass(frozen=True, slots=True)
class Variant:
    """A production variant of the endpoint, and its bounds if it scales."""

    name: str
    current: int
    desired: int
    minimum: int | None = None
    maximum: int | None = None
    suspended: bool = False


@dataclass(frozen=True, slots=True)
class ScalingActivity:
    """One change of the number of instances."""

    at: float
    status: str
    description: str
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointState:
    """The endpoint as SageMaker, Application Auto Scaling and CloudWatch describe it."""

    name: str
    status: str
    reason: str | None = None
    variants: tuple[Variant, ...] = ()
    activities: tuple[ScalingActivity, ...] = ()
    backlog: tuple[tuple[float, float], ...] = ()
    """Requests that wait or are processed: time in seconds since the epoch, and average of that
    minute."""
    unknown: tuple[str, ...] = ()
    """Reasons why some of it could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All that is sampled of a stack; each part is as old as its interval allows."""

    at: float = 0.0
    jobs: tuple[Job, ...] = ()
    """The newest jobs, newest first, and those that a page has opened."""
    descriptions: Mapping[str, JobDescription] = field(default_factory=dict)
    """Names and sources of the newest jobs, by job id."""
    samples: Mapping[str, tuple[Sample, ...]] = field(default_factory=dict)
    """Samples of jobs that are under way, oldest first, by job id."""
    cuttings: Mapping[str, Cutting] = field(default_factory=dict)
    """How far the inputs of remote jobs are cut, by job id: of those that a page has opened."""
    parked: Attention = _NOTHING_PARKED
    queues: Queues = Queues()
    alarms: tuple[Alarm, ...] = ()
    endpoint: EndpointState | None = None
    problems: Mapping[str, str] = field(default_factory=dict)
    """Parts whose last reading failed, with the error's text."""

    def job(self, job_id: str) -> Job | None:
        """Return a sampled job."""
        return next((each for each in self.jobs if each.job_id == job_id), None)
