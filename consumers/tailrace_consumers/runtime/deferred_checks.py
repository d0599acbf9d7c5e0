"""Completion checks of jobs, deferred to the end of a batch so that each job is checked once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class CompletionCheck(Protocol):
    """A check to run after a chunk was settled.

    `tailrace_consumers.chunks.job_completion` implements it.
    """

    def check(self, job_id: str) -> None:
        """Complete the job if it is due; else invoke waiting chunks that fit its window."""
        ...


class DeferredCompletion:
    """Defers each job's completion check to the end of the batch.

    Create one for each batch, and call `for_message` for each message. Several instances of a
    function handle batches of one job at a time. If every message checked the job, all of them
    would see room for the same waiting chunks, and the ledger would refuse all claims but one.
    Messages are acknowledged only after the batch: when the function dies before the checks, SQS
    delivers the messages again, and those lead to the same checks.
    """

    def __init__(self, completion_check: CompletionCheck) -> None:
        self._completion_check = completion_check
        self._noted: list[tuple[str, str]] = []

    def for_message(self, message_id: str) -> CompletionCheck:
        """Return a check that defers jobs on behalf of this message; thread-safe."""
        return _DeferredCheck(message_id, self._noted)

    def flush(self, on_error: Callable[[Exception], None]) -> set[str]:
        """Check each deferred job once; return the ids of the messages whose job's check failed."""
        messages: dict[str, list[str]] = {}
        for job_id, message_id in self._noted:
            messages.setdefault(job_id, []).append(message_id)
        failed: set[str] = set()
        for job_id, message_ids in messages.items():
            try:
                self._completion_check.check(job_id)
            except Exception as exc:  # noqa: BLE001 one job's failure must not stop the others
                on_error(exc)
                failed.update(message_ids)
        return failed


@dataclass(frozen=True, slots=True)
class _DeferredCheck:
    message_id: str
    noted: list[tuple[str, str]]

    def check(self, job_id: str) -> None:
        """Defer the job's check."""
        self.noted.append((job_id, self.message_id))
