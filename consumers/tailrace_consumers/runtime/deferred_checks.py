"""Completion checks of jobs, deferred to the end of a batch so that each job is checked once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tailrace_core.jobs.model import Job


class CompletionCheck(Protocol):
    """A check to run after a chunk was settled.

    `tailrace_consumers.chunks.job_completion` implements it.
    """

    def check(self, job_id: str) -> None:
        """Complete the job if it is due; else invoke waiting chunks that fit its window."""
        ...


class Completion(Protocol):
    """The two steps of a check."""

    def end_if_due(self, job_id: str) -> Job | None:
        """Complete the job if it is due, or return it as it was read."""
        ...

    def fill_window(self, job: Job) -> None:
        """Invoke waiting chunks that fit the job's window."""
        ...


class DeferredCompletion:
    """Defers each job's completion check to the end of the batch.

    Create one for each batch, and call `for_message` for each message. Several instances of a
    function handle batches of one job at a time. If every message checked the job, all of them
    would see room for the same waiting chunks, and the ledger would refuse all claims but one.
    Messages are acknowledged only after the batch: when the function dies before the checks, SQS
    delivers the messages again, and those lead to the same checks.

    All jobs that are due end before any window is filled: a small job does not wait for the
    invocations of a large one.
    """

    def __init__(self, completion: Completion) -> None:
        self._completion = completion
        self._noted: list[tuple[str, str]] = []
        self._going_on: dict[str, tuple[Job, list[str]]] = {}
        self._failed: set[str] = set()

    def for_message(self, message_id: str) -> CompletionCheck:
        """Return a check that defers jobs on behalf of this message; thread-safe."""
        return _DeferredCheck(message_id, self._noted)

    def end_due(self, on_error: Callable[[Exception], None]) -> None:
        """End the deferred jobs that are due; `flush` fills the windows of the others."""
        messages: dict[str, list[str]] = {}
        for job_id, message_id in self._noted:
            messages.setdefault(job_id, []).append(message_id)
        self._noted.clear()
        for job_id, message_ids in messages.items():
            _, before = self._going_on.pop(job_id, (None, []))
            try:
                job = self._completion.end_if_due(job_id)
            except Exception as exc:  # noqa: BLE001 one job's failure must not stop the others
                on_error(exc)
                self._failed.update(before, message_ids)
                continue
            if job is not None:
                self._going_on[job_id] = job, before + message_ids

    def flush(self, on_error: Callable[[Exception], None]) -> set[str]:
        """Check each deferred job once; return the ids of the messages whose job's check failed."""
        self.end_due(on_error)
        for job, message_ids in self._going_on.values():
            try:
                self._completion.fill_window(job)
            except Exception as exc:  # noqa: BLE001 one job's failure must not stop the others
                on_error(exc)
                self._failed.update(message_ids)
        return self._failed


@dataclass(frozen=True, slots=True)
class _DeferredCheck:
    message_id: str
    noted: list[tuple[str, str]]

    def check(self, job_id: str) -> None:
        """Defer the job's check."""
        self.noted.append((job_id, self.message_id))
