"""Attempts: record the intent in the ledger, invoke, confirm.

The reconciler finds crashes in between.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from tailrace_consumers.ports import Clock, Invoker
from tailrace_core.jobs.history import HistoryEntry, HistoryEvent, failed_before
from tailrace_core.jobs.model import Chunk, JobSettings, QueuedRetry
from tailrace_core.ledger.port import Ledger
from tailrace_core.messages.events import RetryDue

FIRST_CHECK_AFTER_S = 300.0
"""Delay of the reconciler's first check of an attempt; later checks back off."""


class Attempts:
    """Invokes chunks that the ledger holds as open."""

    def __init__(self, *, ledger: Ledger, invoker: Invoker, clock: Clock) -> None:
        self._ledger = ledger
        self._invoker = invoker
        self._clock = clock

    def due_at(self, delay_s: float = 0.0) -> float:
        """Return when the reconciler checks an attempt that begins in ``delay_s``.

        Seconds since the epoch.
        """
        return self._clock() + delay_s + FIRST_CHECK_AFTER_S

    def now(self) -> float:
        """Return the time in seconds since the epoch."""
        return self._clock()

    def postpone(self, chunk: Chunk, delay_s: float, reason: str, entry: HistoryEntry | None = None) -> bool:
        """Postpone the reconciler's check by ``delay_s``; False when the ledger moved on."""
        return self._ledger.postpone(dataclasses.replace(chunk, due_at=self.due_at(delay_s), reason=reason), entry)

    def await_retry(self, chunk: Chunk, message: RetryDue, delay_s: float, entry: HistoryEntry | None = None) -> bool:
        """Record that ``message`` is queued, and postpone the reconciler's check until after it.

        False when the ledger moved on.
        """
        retry = QueuedRetry(self.now() + delay_s, message.tries, held=message.held_since is not None)
        return self.postpone(dataclasses.replace(chunk, retry=retry), delay_s, message.reason, entry)

    def failure(self, chunk: Chunk, what: HistoryEvent, reason: str) -> HistoryEntry | None:
        """Return the entry for the failure of the chunk's attempt; None if it is recorded."""
        if failed_before(chunk.history, chunk.attempt):
            return None
        return HistoryEntry(at=self.now(), what=what, attempt=chunk.attempt, failure=reason)

    def begin(
        self,
        chunk: Chunk,
        *,
        tries: int,
        reason: str,
        redrives: int | None = None,
        scored: int | None = None,
        entry: HistoryEntry | None = None,
    ) -> Chunk | None:
        """Record the intent of the next attempt.

        Return the chunk, or None when it is no longer open at ``chunk.attempt``.

        ``scored`` is the job's ``answers`` when the chunk failed; the first one given
        since the last redrive is recorded.
        """
        redriven = redrives is not None and redrives != chunk.redrives
        following = dataclasses.replace(
            chunk,
            attempt=chunk.attempt + 1,
            tries=tries,
            due_at=self.due_at(),
            reason=reason,
            redrives=chunk.redrives if redrives is None else redrives,
            attempts_before=chunk.attempt if redriven else chunk.attempts_before,
            retry=None,
            scored_before=None if redriven else scored if chunk.scored_before is None else chunk.scored_before,
            invoked=False,
            invoked_at=None,
            output_location=None,
            failure_location=None,
            parked=False,
        )
        return following if self._ledger.begin_attempt(following, entry) else None

    def send(self, chunk: Chunk, settings: JobSettings) -> Chunk:
        """Invoke an attempt, and return it with the locations of its answer, for `confirm_all`.

        Raises what `tailrace_consumers.ports.Invoker` raises.
        """
        answer = self._invoker.invoke(chunk, settings)
        return dataclasses.replace(
            chunk,
            invoked=True,
            invoked_at=self._clock(),
            output_location=answer.output_location,
            failure_location=answer.failure_location,
            due_at=self.due_at(),
        )

    def confirm_all(self, located: Sequence[Chunk]) -> list[bool]:
        """Record the locations of invoked attempts of one job.

        False for each that another attempt replaced meanwhile.
        """
        return self._ledger.confirm_all(located) if located else []

    def invoke(self, chunk: Chunk, settings: JobSettings) -> bool:
        """Invoke the intended attempt and record its locations.

        False when another attempt replaced it meanwhile.

        Raises what `tailrace_consumers.ports.Invoker` raises.
        """
        return self._ledger.confirm(self.send(chunk, settings))
