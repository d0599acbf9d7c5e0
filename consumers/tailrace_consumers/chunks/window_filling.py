"""The filling of a job's window.

After settling a chunk, a consumer claims and invokes the next waiting chunks that fit the window.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from tailrace_consumers.chunks.attempt_invoker import AttemptInvoker
from tailrace_consumers.chunks.attempts import Attempts
from tailrace_consumers.outcomes import Outcome
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

    Invoked chunks are confirmed together. A crash in between leaves unconfirmed attempts, which the
    reconciler finds.
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
        sent: list[Chunk] = []
        try:
            self._invoke_all(self.ledger.claim(job, settings.window, self.attempts.due_at()), settings, sent)
        finally:
            for outcome in self.attempt_invoker.confirm_all(sent):
                self.meter.record(outcome, 1)

    def _invoke_all(self, chunks: Sequence[Chunk], settings: JobSettings, sent: list[Chunk]) -> None:
        """Invoke chunks, and add to ``sent`` those to confirm; queue what the endpoint refuses."""
        refused = False
        for chunk in chunks:
            refused = refused or not self._invoke(chunk, settings, sent)
            if refused:
                self._queue(chunk)

    def _invoke(self, chunk: Chunk, settings: JobSettings, sent: list[Chunk]) -> bool:
        """Return whether the endpoint accepted the chunk.

        A permanent refusal parks it, which counts.
        """
        try:
            found = self.attempt_invoker.send_or_park(chunk, settings)
        except TransientError:
            return False
        if isinstance(found, Outcome):
            self.meter.record(found, 1)
        else:
            sent.append(found)
        return True

    def _queue(self, chunk: Chunk) -> None:
        """Queue a retry of this attempt.

        The message in progress must not be delivered again for it.
        """
        delay_s = math.ceil(backoff_s(chunk.attempt, self.random_source))
        message = RetryDue.of(chunk, attempt=chunk.attempt, tries=chunk.tries, reason=REASON)
        self.retries.send(message, delay_s)
