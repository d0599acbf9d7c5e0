"""Probes: splits that separate one row from the rest, recorded in the job first.

The record bounds their number, however many chunks of the job fail at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from tailrace_consumers.chunks.failures.splitting import ChildContents, divide
from tailrace_core.errors import TransientError
from tailrace_core.jobs.model import Job
from tailrace_core.jobs.probing import may_probe, probes_made, with_probe
from tailrace_core.ledger.port import Ledger
from tailrace_core.parts.chunk_rows import ChunkRows, split_off_first, split_off_last

_RACES = 4
"""Lost races after which the message is handled again; each winner makes a probe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """Chooses and records the probes of jobs."""

    ledger: Ledger

    def separate(self, job: Job, rows: ChunkRows) -> tuple[ChildContents, ChildContents] | None:
        """Record a probe of the chunk and return its division; None when no probe is left.

        First rows and last rows take turns: where a file is bad at one end, the other may be good.
        A repetition after a crash finds its record and divides the chunk as before.

        Raises:
            TransientError: others recorded probes at the same moment, several times.
        """
        first, last = divide(rows, split_off_first), divide(rows, split_off_last)
        for both in (first, last):
            if both[0].range in job.probed and both[1].range in job.probed:
                return both
        found: Job | None = job
        for _ in range(_RACES):
            if found is None or not may_probe(found):
                return None
            both = last if probes_made(found) % 2 else first
            if self.ledger.record_probe(found, with_probe(found, both[0].range, both[1].range)):
                return both
            found = self.ledger.job(job.job_id)
        raise TransientError(f"job {job.job_id}: other probes were recorded at the same moment; try again")
