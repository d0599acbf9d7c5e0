"""Starting chunks that wait: whoever sees that others came to their end invokes the next ones that fit the window."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from tailrace_consumers.chunks.attempt_invoker import AttemptInvoker
from tailrace_consumers.chunks.attempts import Attempts
from tailrace_consumers.ports import Meter, RetryQueue
from tailrace_core.errors import TransientError
from tailrace_core.jobs.failures import backoff_s
from tailrace_core.jobs.model import Chunk, Job, JobSettings
from tailrace_core.ledger.port import Ledger
from tailrace_core.messages.events import RetryDue

REASON = "its turn came, and the endpoint did not take it at once"


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowFiller:
    """Claims and invokes. Who dies in between leaves an attempt that nobody knows of, which the reconciler finds."""

    ledger: Ledger
    attempts: Attempts
    attempt_invoker: AttemptInvoker
    retries: RetryQueue
    random_source: random.Random
    meter: Meter

    def fill(self, job: Job, settings: JobSettings) -> None:
        """Start what fits; no call is made when nothing waits, or nothing fits, by ``job`` as it was just read.

        Raises:
            TransientError: the ledger or the queue does not answer.
        """
        if self.attempts.now() >= job.deadline_at:
            return
        refused = False
        for chunk in self.ledger.claim(job, settings.window, self.attempts.due_at()):
            refused = refused or not self._invoke(chunk, settings)
            if refused:
                self._queue(chunk)

    def _invoke(self, chunk: Chunk, settings: JobSettings) -> bool:
        """Whether the endpoint took it; what it refuses for good is parked."""
        try:
            outcome = self.attempt_invoker.invoke_or_park(chunk, settings)
        except TransientError:
            return False
        self.meter.record(outcome, 1)
        return True

    def _queue(self, chunk: Chunk) -> None:
        """The message at hand is done: another one sees to this attempt."""
        delay_s = math.ceil(backoff_s(chunk.attempt, self.random_source))
        message = RetryDue(
            job_id=chunk.job_id,
            first_row=chunk.range.first_row,
            rows=chunk.range.rows,
            attempt=chunk.attempt,
            tries=chunk.tries,
            reason=REASON,
        )
        self.retries.send(message, delay_s)
