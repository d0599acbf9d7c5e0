"""Controls: a chunk that was scored is invoked again, to learn whether the endpoint still works.

Its attempt's number is beyond all others (`tailrace_core.jobs.probing.CONTROL_ATTEMPTS`). The chunk
stays settled; only the answer is counted.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from itertools import islice

from tailrace_consumers.chunks.attempts import Attempts
from tailrace_core.errors import TailraceError
from tailrace_core.jobs.identities import InferenceId
from tailrace_core.jobs.model import Chunk, ChunkState, Job, JobSettings
from tailrace_core.jobs.probing import CONTROL_ATTEMPTS, may_probe, with_control
from tailrace_core.ledger.port import Ledger

MAX_READ = 1_000
"""Most chunks to search for a scored one: about a page of the ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """Sends controls and counts their answers."""

    ledger: Ledger
    attempts: Attempts

    def send(self, job: Job, settings: JobSettings) -> bool:
        """Send a control for ``job``; False when no chunk serves, or no probe is left.

        True also if another caller has sent one since ``job`` was read.

        Raises:
            TransientError: the endpoint does not accept it now; it counts as failed.
        """
        target = self._scored_chunk(job) if may_probe(job) else None
        if target is None:
            return False
        following = with_control(job, target.range, self.attempts.now())
        if not self.ledger.record_probe(job, following):
            return True
        number = following.controls_sent
        try:
            self.attempts.send(dataclasses.replace(target, attempt=CONTROL_ATTEMPTS + number), settings)
        except TailraceError:
            self.ledger.record_control(job.job_id, number, scored=False)
            raise
        return True

    def record(self, job: Job, inference: InferenceId, *, scored: bool) -> None:
        """Count the answer to a control that was sent; a repetition counts once."""
        number = inference.attempt - CONTROL_ATTEMPTS
        if number <= job.controls_sent:
            self.ledger.record_control(job.job_id, number, scored=scored)

    def _scored_chunk(self, job: Job) -> Chunk | None:
        """Return the smallest scored chunk among the first ones."""
        if not job.rows_scored:
            return None
        first = islice(self.ledger.chunks(job.job_id), MAX_READ)
        scored = (each for each in first if each.state is ChunkState.SCORED)
        return min(scored, key=lambda each: each.rows_sent, default=None)


def is_control(inference: InferenceId) -> bool:
    """Return whether an inference id is that of a control."""
    return inference.attempt > CONTROL_ATTEMPTS
