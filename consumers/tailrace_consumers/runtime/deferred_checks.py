"""Looks: which jobs a batch's messages have settled chunks of. Each is looked at once, when all of them are handled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class Looker(Protocol):
    """Who looks after a job when one of its chunks was settled; `tailrace_consumers.chunks.job_completion` does."""

    def look(self, job_id: str) -> None:
        """End the job if that is due, have what waits started if it fits."""
        ...


class Looks:
    """Puts looks off to the end of a batch; one of these for each batch, one `of` for each of its messages.

    Functions work on several batches at a time. Were each message to look, all of them would see room for the same
    waiting chunks, and all but one would be refused. Until the batch is over none of its messages is acknowledged: who
    dies before has the settled chunks announced again, and those have the job looked at, too.
    """

    def __init__(self, looker: Looker) -> None:
        self._looker = looker
        self._noted: list[tuple[str, str]] = []

    def of(self, message_id: str) -> Looker:
        """Who notes that jobs are to be looked at because of this message. Any thread may."""
        return _Noting(message_id, self._noted)

    def catch_up(self, on_error: Callable[[Exception], None]) -> set[str]:
        """Look at each job that was noted; the messages of those that could not be looked at."""
        messages: dict[str, list[str]] = {}
        for job_id, message_id in self._noted:
            messages.setdefault(job_id, []).append(message_id)
        failed: set[str] = set()
        for job_id, message_ids in messages.items():
            try:
                self._looker.look(job_id)
            except Exception as exc:  # noqa: BLE001 whatever it is, the other jobs are looked at
                on_error(exc)
                failed.update(message_ids)
        return failed


@dataclass(frozen=True, slots=True)
class _Noting:
    message_id: str
    noted: list[tuple[str, str]]

    def look(self, job_id: str) -> None:
        """Note the job."""
        self.noted.append((job_id, self.message_id))
