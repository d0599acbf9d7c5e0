"""Lookup: whether a notification is ours, and its chunk in the ledger. A message may be forged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from threading import Lock

from tailrace_consumers.outcomes import Outcome
from tailrace_core.jobs.identities import InferenceId
from tailrace_core.jobs.model import Chunk, Job, JobSettings
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.port import Ledger
from tailrace_core.messages.notifications import Notification

_SETTINGS_CACHED = 64


@dataclass(frozen=True, slots=True)
class ChunkContext:
    """A job, its settings and one of its chunks."""

    job: Job
    settings: JobSettings
    chunk: Chunk


def identify_attempt(notification: Notification, endpoint_name: str, *, succeeded: bool) -> InferenceId | Outcome:
    """Return a notification's attempt, or the outcome of one to acknowledge at once.

    A notification may lack the endpoint's name; a different name means another endpoint. A success
    among the failures, or the reverse, is not ours either.
    """
    if notification.is_test:
        return Outcome.TEST
    inference = InferenceId.parse(notification.inference_id or "")
    named = notification.request.endpoint_name
    if not notification.is_result or inference is None or named not in {None, endpoint_name}:
        return Outcome.NOT_OURS
    return inference if notification.succeeded is succeeded else Outcome.NOT_OURS


class LedgerLookup:
    """Finds chunks in the ledger.

    Settings never change: they are read once for each job. Thread-safe.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._settings: dict[str, JobSettings] = {}
        self._storing = Lock()
        self._read: Mapping[tuple[str, RowRange], tuple[Chunk, Job] | None] = {}

    def read_ahead(self, inferences: Iterable[InferenceId]) -> LedgerLookup:
        """Read chunks with their jobs in one call; return a lookup that finds them as they are now.

        Use it for a batch of messages: the ledger holds each later step to its own conditions. The
        cache of settings is shared.
        """
        wanted = list(dict.fromkeys((each.job_id, each.range) for each in inferences))
        made = copy(self)
        made._read = dict(zip(wanted, self._ledger.chunks_with_jobs(wanted), strict=True))  # noqa: SLF001 its own class
        return made

    def find(self, inference: InferenceId) -> ChunkContext | None:
        """Return the chunk with its job.

        None when the ledger does not know them: nothing is written for those.
        """
        wanted = inference.job_id, inference.range
        found = self._read[wanted] if wanted in self._read else self._ledger.chunks_with_jobs([wanted])[0]
        settings = None if found is None else self.settings(inference.job_id)
        return None if found is None or settings is None else ChunkContext(found[1], settings, found[0])

    def settings(self, job_id: str) -> JobSettings | None:
        """Return the job's settings; None for an unknown job."""
        found = self._settings.get(job_id)
        if found is None:
            # Two threads that miss at once both read: neither waits for the other's call.
            found = self._ledger.settings(job_id)
            if found is not None:
                self._store(job_id, found)
        return found

    def _store(self, job_id: str, settings: JobSettings) -> None:
        with self._storing:
            while len(self._settings) >= _SETTINGS_CACHED:
                del self._settings[next(iter(self._settings))]
            self._settings[job_id] = settings
