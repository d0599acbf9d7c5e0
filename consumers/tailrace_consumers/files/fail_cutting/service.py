"""FailCutting: ends a job whose cutting failed, with its reason, and cancels what is in flight."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tailrace_consumers.files.cutting_resources import CuttingResources
from tailrace_core.aws.calls import Call, Steps, run
from tailrace_core.jobs.model import JobState
from tailrace_core.ledger.closing import DEADLINE_PASSED
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.submission.closing import end_job
from tailrace_core.submission.executions import NOT_CUT

if TYPE_CHECKING:
    from tailrace_consumers.settings import CuttingSettings

_REASON_CHARS = 1_000


class FailCutting:
    """Fails jobs; repeatable. ``execute`` carries out calls."""

    def __init__(self, settings: CuttingSettings, execute: Callable[[Call], Any], *, now: Callable[[], float]) -> None:
        self._resources = CuttingResources(settings)
        self._ledger = DynamoSteps(settings.ledger_table)
        self._execute = execute
        self._now = now

    def fail(self, job_id: str, reason: str) -> bool:
        """End the job as failed for a reason; return False if it had ended, or is sealed.

        A sealed job is cut whole, so nothing of its cutting can fail any more. One that was closed
        before, by this function perhaps, gets its open chunks cancelled and its manifest.
        """
        return run(self._end(job_id, JobState.FAILED, reason), self._execute)

    def expire(self, job_id: str) -> bool:
        """End the job as expired, as the reconciler does; return as `fail` does."""
        return run(self._end(job_id, JobState.EXPIRED, DEADLINE_PASSED), self._execute)

    def _end(self, job_id: str, outcome: JobState, reason: str) -> Steps[bool]:
        job = yield from self._ledger.job(job_id)
        if job is None or job.state not in {JobState.SUBMITTING, JobState.CLOSING}:
            return False
        stated = reason if len(reason) <= _REASON_CHARS else reason[: _REASON_CHARS - 1] + "…"
        return (yield from end_job(job_id, outcome, stated, resources=self._resources, now=self._now()))


def reason_of(error: str, cause: str) -> str:
    """Return the words of a failure as a state machine reports it: the function's own if it can be.

    A function's cause is a JSON object with its error's message.
    """
    try:
        found = json.loads(cause)
    except ValueError:
        found = None
    message = found.get("errorMessage") if isinstance(found, dict) else cause
    return f"{NOT_CUT}{message or error}"
