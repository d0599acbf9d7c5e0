"""The invocation of intended attempts; a permanent refusal parks the chunk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tailrace_consumers.chunks.attempts import Attempts
from tailrace_consumers.outcomes import Outcome
from tailrace_core.errors import PermanentError
from tailrace_core.jobs.failures import FailureClass
from tailrace_core.jobs.model import Chunk, JobSettings


class Parker(Protocol):
    """Parks open chunks; implemented by `tailrace_consumers.chunks.failures.parking.Parking`."""

    def park(self, chunk: Chunk, settings: JobSettings, failure: FailureClass, reason: str) -> Outcome:
        """Park the chunk at its current attempt, or fail its job; idempotent."""


class AttemptInvoker:
    """Invokes attempts that the ledger holds as intended."""

    def __init__(self, *, attempts: Attempts, parking: Parker) -> None:
        self._attempts = attempts
        self._parking = parking

    def invoke_or_park(self, chunk: Chunk, settings: JobSettings) -> Outcome:
        """Invoke the chunk's intended attempt.

        Park the chunk when the endpoint does not exist or refuses it.

        Raises:
            ThrottledError: too many requests, or no capacity.
            TransientError: the service did not respond.
        """
        sent = self.send_or_park(chunk, settings)
        if isinstance(sent, Outcome):
            return sent
        return self.confirm_all([sent])[0]

    def send_or_park(self, chunk: Chunk, settings: JobSettings) -> Chunk | Outcome:
        """Do as `invoke_or_park` does, but leave the confirmation of what it returns to the caller.

        Raises what `invoke_or_park` raises.
        """
        try:
            return self._attempts.send(chunk, settings)
        except PermanentError as exc:
            return self._parking.park(chunk, settings, FailureClass.INFRASTRUCTURE, exc.message)

    def confirm_all(self, sent: Sequence[Chunk]) -> list[Outcome]:
        """Confirm invoked attempts of one job together; return the outcome of each."""
        return [Outcome.INVOKED if current else Outcome.STALE for current in self._attempts.confirm_all(sent)]
