"""Intake: whether a notification is ours, and what the ledger knows of what it is about. A message may be forged."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

from tailrace_consumers.outcomes import Outcome
from tailrace_core.jobs.identities import InferenceId
from tailrace_core.jobs.model import Chunk, Job, JobSettings
from tailrace_core.ledger.port import Ledger
from tailrace_core.messages.notifications import Notification

_SETTINGS_CACHED = 64


@dataclass(frozen=True, slots=True)
class ChunkContext:
    """A job and one of its chunks."""

    job: Job
    settings: JobSettings
    chunk: Chunk


def identify_attempt(notification: Notification, endpoint_name: str, *, succeeded: bool) -> InferenceId | Outcome:
    """The attempt that a notification reports on, or why it is acknowledged without more.

    The endpoint's name may be missing; a wrong one is another's. Nor is a success taken for a failure.
    """
    if notification.is_test:
        return Outcome.TEST
    inference = InferenceId.parse(notification.inference_id or "")
    named = notification.request.endpoint_name
    if not notification.is_result or inference is None or named not in {None, endpoint_name}:
        return Outcome.NOT_OURS
    return inference if notification.succeeded is succeeded else Outcome.NOT_OURS


class LedgerLookup:
    """Looks things up in the ledger. Settings never change, so they are read once for each job. For any threads."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._settings: dict[str, JobSettings] = {}
        self._storing = Lock()

    def find(self, inference: InferenceId) -> ChunkContext | None:
        """The chunk with its job; None for strangers: nothing is ever written for those."""
        chunk = self._ledger.chunk(inference.job_id, inference.range)
        if chunk is None:
            return None
        job = self._ledger.job(inference.job_id)
        settings = self.settings(inference.job_id)
        return None if job is None or settings is None else ChunkContext(job, settings, chunk)

    def settings(self, job_id: str) -> JobSettings | None:
        """The job's settings."""
        found = self._settings.get(job_id)
        if found is None:
            # Two that miss it at once both read it: nobody waits for another one's call.
            found = self._ledger.settings(job_id)
            if found is not None:
                self._store(job_id, found)
        return found

    def _store(self, job_id: str, settings: JobSettings) -> None:
        with self._storing:
            while len(self._settings) >= _SETTINGS_CACHED:
                del self._settings[next(iter(self._settings))]
            self._settings[job_id] = settings
