"""Attempts: intent in the ledger, invocation, confirmation. A crash in between is found by the reconciler."""

from __future__ import annotations

import dataclasses

from tailrace_consumers.ports import Clock, Invoker
from tailrace_core.jobs.model import Chunk, JobSettings
from tailrace_core.ledger.port import Ledger

FIRST_CHECK_AFTER_S = 300.0
"""When the reconciler looks at an attempt for the first time; it backs off from there."""


class Attempts:
    """Invokes chunks that the ledger holds as open."""

    def __init__(self, *, ledger: Ledger, invoker: Invoker, clock: Clock) -> None:
        self._ledger = ledger
        self._invoker = invoker
        self._clock = clock

    def due_at(self, delay_s: float = 0.0) -> float:
        """When the reconciler is to look at what happens ``delay_s`` from now."""
        return self._clock() + delay_s + FIRST_CHECK_AFTER_S

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._clock()

    def postpone(self, chunk: Chunk, delay_s: float, reason: str) -> bool:
        """Leave the current attempt alone for ``delay_s``: another one is on its way."""
        return self._ledger.postpone(dataclasses.replace(chunk, due_at=self.due_at(delay_s), reason=reason))

    def begin(
        self, chunk: Chunk, *, tries: int, reason: str, redrives: int | None = None, scored: int | None = None
    ) -> Chunk | None:
        """The chunk with its next attempt intended; None when it is not open at ``chunk.attempt`` any more.

        ``scored`` rows of the job have a prediction by now; noted when this is the first try that failed.
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
        """Invoke the intended attempt and record its locations; False when another attempt took over meanwhile.

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
