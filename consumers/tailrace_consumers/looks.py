"""Looks: which jobs a batch's messages have settled chunks of. Each is looked at once, when all of them are handled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Looker(Protocol):
    """Who looks after a job when one of its chunks was settled; `tailrace_consumers.completion` does."""

    def look(self, job_id: str) -> None:
        """End the job if that is due, have what waits started if it fits."""
        ...


class Looks:
    """Puts looks off to the end of the batch.

    Functions work on several batches at a time. Were each message to look, all of them would see room for the same
    waiting chunks, and all but one would be refused. Until the batch is over none of its messages is acknowledged: who
    dies before has the settled chunks announced again, and those have the job looked at, too.
    """

    def __init__(self, looker: Looker) -> None:
        self._looker = looker
        self._noted: list[str] = []
        self._messages: dict[str, list[str]] = {}

    def look(self, job_id: str) -> None:
        """Note the job."""
        self._noted.append(job_id)

    def end_message(self, message_id: str) -> None:
        """What was noted since the last message's end is this one's."""
        for job_id in self._noted:
            self._messages.setdefault(job_id, []).append(message_id)
        self._noted.clear()

    def catch_up(self, on_error: Callable[[Exception], None]) -> set[str]:
        """Look at each job that was noted; the messages of those that could not be looked at."""
        messages, self._messages = self._messages, {}
        failed: set[str] = set()
        for job_id, message_ids in messages.items():
            try:
                self._looker.look(job_id)
            except Exception as exc:  # noqa: BLE001 whatever it is, the other jobs are looked at
                on_error(exc)
                failed.update(message_ids)
        return failed
