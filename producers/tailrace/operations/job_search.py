"""Searches for jobs by state, tags and time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tailrace_core.aws.calls import Steps
from tailrace_core.jobs.description import DescribedJob
from tailrace_core.jobs.model import JobState
from tailrace_core.ledger.dynamo_steps import DynamoSteps

MAX_LOOKED_AT = 5_000
"""Number of jobs that a search looks at; it makes two calls for every fifty."""
_PAGE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Choice of jobs by state, tags and time of creation (seconds since the epoch)."""

    states: frozenset[JobState] = frozenset()
    """Empty for all states."""
    tags: Mapping[str, str] = field(default_factory=dict)
    since: float | None = None
    before: float | None = None

    @property
    def selects(self) -> bool:
        """True if it may leave out one of the jobs that the index lists since that time."""
        return bool(self.states or self.tags) or self.before is not None

    def fits(self, found: DescribedJob) -> bool:
        """Return True if the job is one of those chosen."""
        return (
            (not self.states or found.job.state in self.states)
            and found.description.has_tags(self.tags)
            and (self.before is None or found.job.created_at < self.before)
        )


@dataclass(frozen=True, slots=True)
class FoundJobs:
    """Jobs that a search found, newest first; not ``complete`` if older ones were not looked at."""

    jobs: list[DescribedJob]
    complete: bool


def find_jobs(ledger: DynamoSteps, wanted: JobFilter, limit: int) -> Steps[FoundJobs]:
    """Read the newest jobs that ``wanted`` chooses, at most ``limit``, out of the newest `MAX_LOOKED_AT`."""
    found: list[DescribedJob] = []
    looked_at, after = 0, None
    while True:
        size = _PAGE if wanted.selects else min(limit - len(found), _PAGE)
        page, after = yield from ledger.described_jobs(size, since=wanted.since, after=after)
        looked_at += size
        found += [each for each in page if wanted.fits(each)]
        if len(found) >= limit or not after:
            return FoundJobs(found[:limit], complete=True)
        if looked_at >= MAX_LOOKED_AT:
            return FoundJobs(found, complete=False)
