"""The scheduling of retries: a message in the retries queue, and its record in the ledger."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tailrace_consumers.chunks.attempts import Attempts
from tailrace_consumers.ports import RetryQueue
from tailrace_core.jobs.history import HistoryEntry
from tailrace_core.jobs.model import Chunk
from tailrace_core.messages.events import RetryDue


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryScheduler:
    """Schedules the attempts of chunks.

    The message goes first: a crash in between repeats it, and the attempt is still made once.
    """

    queue: RetryQueue
    attempts: Attempts

    def schedule(self, chunk: Chunk, message: RetryDue, delay_s: float, entry: HistoryEntry | None = None) -> None:
        """Queue ``message`` for ``delay_s`` seconds (0 to 900), and record it with the chunk.

        ``entry`` is added to the chunk's history.
        """
        whole_s = self.send(message, delay_s)
        self.attempts.await_retry(chunk, message, whole_s, entry)

    def send(self, message: RetryDue, delay_s: float) -> int:
        """Queue ``message``, whose chunk shows it already; return its delay in whole seconds."""
        whole_s = math.ceil(delay_s)
        self.queue.send(message, whole_s)
        return whole_s
