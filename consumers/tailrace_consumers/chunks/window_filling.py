"""The filling of a job's window.

After settling a chunk, a consumer claims and invokes the next waiting chunks that fit the window.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from tailrace_consumers.chunks.attempt_invoker import AttemptInvoker
from tailrace_consumers.chunks.attempts import Attempts
from tailrace_consumers.ports import Meter, RetryQueue
from tailrace_core.errors import TransientError
from tailrace_core.jobs.backoff import backoff_s
from tailrace_core.jobs.model import Chunk, Job, JobSettings
from tailrace_core.ledger.port import Ledger
from tailrace_core.messages.events import RetryDue

REASON = "the endpoint did not accept it when it was claimed from the waiting chunks"


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowFiller:
    """Claims and invokes waiting chunks.

    A crash in between leaves an unconfirmed attempt, which the reconciler finds.
    """

    ledger: Ledger
    attempts: Attempts
    attempt_invoker: AttemptInvoker
    retries: RetryQueue
    random_source: random.Random
    meter: Meter

    def fill(self, job: Job, settings: JobSettings) -> None:
        """Invoke the waiting chunks that fit.

        Makes no call when, by ``job`` as just read, nothing waits or fits.

        Raises:
            TransientError: the ledger or the queue did not respond.
        """
        if self.attempts.now() >= job.deadline_at:
            return
        refused = False
        for chunk in self.ledger.claim(job, settings.window, self.attempts.due_at()):
            refused = refused or not self._invoke(chunk, settings)
            if refused:
                self._queue(chunk)

    def _invoke(self, chunk: Chunk, settings: JobSettings) -> bool:
        """Return whether the endpoint accepted the chunk.

        A permanent refusal parks it, which counts.
        """
        try:
            outcome = self.attempt_invoker.invoke_or_park(chunk, settings)
        except TransientError:
            return False
        self.meter.record(outcome, 1)
        return True

    def _queue(self, chunk: Chunk) -> None:
        """Queue a retry of this attempt.

        The message in progress must not be delivered again for it.
        """
        delay_s = math.ceil(backoff_s(chunk.attempt, self.random_source))
        message = RetryDue.of(chunk, attempt=chunk.attempt, tries=chunk.tries, reason=REASON)
        self.retries.send(message, delay_s)
