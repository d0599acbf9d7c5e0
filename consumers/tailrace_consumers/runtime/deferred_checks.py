"""Looks: which jobs a batch's messages have settled chunks of. Each is looked at once, when all of them are handled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class CompletionCheck(Protocol):
    """Who looks after a job when one of its chunks was settled; `tailrace_consumers.chunks.job_completion` does."""

    def check(self, job_id: str) -> None:
        """End the job if that is due, have what waits started if it fits."""
        ...


class DeferredCompletion:
    """Puts looks off to the end of a batch; one of these for each batch, one `of` for each of its messages.

    Functions work on several batches at a time. Were each message to look, all of them would see room for the same
    waiting chunks, and all but one would be refused. Until the batch is over none of its messages is acknowledged: who
    dies before has the settled chunks announced again, and those have the job looked at, too.
    """

    def __init__(self, completion_check: CompletionCheck) -> None:
        self._completion_check = completion_check
        self._noted: list[tuple[str, str]] = []

    def for_message(self, message_id: str) -> CompletionCheck:
        """Who notes that jobs are to be looked at because of this message. Any thread may."""
        return _DeferredCheck(message_id, self._noted)

    def flush(self, on_error: Callable[[Exception], None]) -> set[str]:
        """Look at each job that was noted; the messages of those that could not be looked at."""
        messages: dict[str, list[str]] = {}
        for job_id, message_id in self._noted:
            messages.setdefault(job_id, []).append(message_id)
        failed: set[str] = set()
        for job_id, message_ids in messages.items():
            try:
                self._completion_check.check(job_id)
            except Exception as exc:  # noqa: BLE001 whatever it is, the other jobs are looked at
                on_error(exc)
                failed.update(message_ids)
        return failed


@dataclass(frozen=True, slots=True)
class _DeferredCheck:
    message_id: str
    noted: list[tuple[str, str]]

    def check(self, job_id: str) -> None:
        """Note the job."""
        self.noted.append((job_id, self.message_id))
