"""Progress of a job: counters that add up, rate, time left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tailrace.console.snapshot import Sample
from tailrace_core.jobs.model import Job

RATE_WINDOW_S = 60.0
_MIN_WINDOW_S = 4.0


@dataclass(frozen=True, slots=True)
class Counter:
    """One kind of rows of a job."""

    kind: str
    """``scored``, ``rejected``, ``cancelled`` or ``open``."""
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Counters, rate and time left of one job."""

    job: Job
    counters: tuple[Counter, ...]
    """Their rows add up to ``total``."""
    total: int | None
    """Rows of the job; None until the producer has sealed it."""
    rate: float | None
    """Settled rows a second: lately, or of the whole job if it has ended; None if unknown."""
    left_s: float | None
    """Seconds until the last row is settled at this rate; None if it has ended or nothing moves."""
    late: bool
    """True if it has passed its deadline without an end."""
    in_danger: bool
    """True if at this rate it will pass its deadline."""

    @property
    def settled(self) -> int:
        """Rows in a final state."""
        return sum(each.rows for each in self.counters if each.kind != "open")


def progress(job: Job, samples: Sequence[Sample], now: float) -> Progress:
    """Return the progress of a job by its samples, oldest first."""
    rate = _rate(job, samples, now)
    open_rows = job.rows_open or 0
    ended = job.state.final
    left = open_rows / rate if rate and open_rows and not ended else None
    late = not ended and now >= job.deadline_at
    return Progress(
        job=job,
        counters=(
            Counter("scored", job.rows_scored),
            Counter("rejected", job.rows_rejected),
            Counter("cancelled", job.rows_cancelled),
            Counter("open", open_rows),
        ),
        total=job.rows_total,
        rate=rate,
        left_s=left,
        late=late,
        in_danger=not late and left is not None and now + left > job.deadline_at,
    )


def _rate(job: Job, samples: Sequence[Sample], now: float) -> float | None:
    if job.state.final or job.finishing_at is not None:
        spent = (job.finishing_at or now) - job.created_at
        return job.rows_settled / spent if job.finishing_at is not None and spent > 0 else None
    recent = [each for each in samples if each.at >= now - RATE_WINDOW_S]
    if len(recent) < 2 or recent[-1].at - recent[0].at < _MIN_WINDOW_S:  # noqa: PLR2004 - a rate needs two points
        spent = now - job.created_at
        return job.rows_settled / spent if spent > 0 and job.rows_settled else None
    return (recent[-1].settled - recent[0].settled) / (recent[-1].at - recent[0].at)
