"""Attempts: record the intent in the ledger, invoke, confirm.

The reconciler finds crashes in between.
"""

from __future__ import annotations

import dataclasses

from tailrace_consumers.ports import Clock, Invoker
from tailrace_core.jobs.model import Chunk, JobSettings
from tailrace_core.ledger.port import Ledger

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

    def postpone(self, chunk: Chunk, delay_s: float, reason: str) -> bool:
        """Postpone the reconciler's check by ``delay_s``, because a retry is queued.

        False when the ledger moved on.
        """
        return self._ledger.postpone(dataclasses.replace(chunk, due_at=self.due_at(delay_s), reason=reason))

    def begin(
        self, chunk: Chunk, *, tries: int, reason: str, redrives: int | None = None, scored: int | None = None
    ) -> Chunk | None:
        """Record the intent of the next attempt.

        Return the chunk, or None when it is no longer open at ``chunk.attempt``.

        ``scored`` is the job's number of scored rows; it is recorded at the first counted failure.
        """
        redriven = redrives is not None and redrives != chunk.redrives
        first_failure = tries > chunk.tries and chunk.scored_before is None
        following = dataclasses.replace(
            chunk,
            attempt=chunk.attempt + 1,
            tries=tries,
            due_at=self.due_at(),
            reason=reason,
            redrives=chunk.redrives if redrives is None else redrives,
            scored_before=None if redriven else scored if first_failure else chunk.scored_before,
            doubted=chunk.doubted and not redriven,
            invoked=False,
            invoked_at=None,
            output_location=None,
            failure_location=None,
            parked=False,
        )
        return following if self._ledger.begin_attempt(following) else None

    def invoke(self, chunk: Chunk, settings: JobSettings) -> bool:
        """Invoke the intended attempt and record its locations.

        False when another attempt replaced it meanwhile.

        Raises what `tailrace_consumers.ports.Invoker` raises.
        """
        answer = self._invoker.invoke(chunk, settings)
        return self._ledger.confirm(
            dataclasses.replace(
                chunk,
                invoked=True,
                invoked_at=self._clock(),
                output_location=answer.output_location,
                failure_location=answer.failure_location,
                due_at=self.due_at(),
            )
        )
