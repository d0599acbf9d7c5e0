"""Invoking an attempt that is intended already; what the service refuses for good is parked."""

from __future__ import annotations

from tailrace_consumers.chunks.attempts import Attempts
from tailrace_consumers.chunks.parking import Parking
from tailrace_consumers.outcomes import Outcome
from tailrace_core.errors import PermanentError
from tailrace_core.jobs.failures import FailureClass
from tailrace_core.jobs.model import Chunk, JobSettings


class AttemptInvoker:
    """Invokes intended attempts."""

    def __init__(self, *, attempts: Attempts, parking: Parking) -> None:
        self._attempts = attempts
        self._parking = parking

    def invoke_or_park(self, chunk: Chunk, settings: JobSettings) -> Outcome:
        """Invoke the chunk's intended attempt, or park it when the endpoint is gone or refuses it.

        Raises:
            ThrottledError: too fast, or no capacity.
            TransientError: the service does not answer.
        """
        try:
            current = self._attempts.invoke(chunk, settings)
        except PermanentError as exc:
            self._parking.park(chunk, settings, FailureClass.INFRASTRUCTURE, exc.message)
            return Outcome.PARKED
        return Outcome.INVOKED if current else Outcome.STALE
