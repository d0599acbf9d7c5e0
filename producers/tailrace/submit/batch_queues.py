"""Queues of chunks whose intents or confirmations are written together, at a pace."""

from __future__ import annotations

from tailrace_core.jobs.model import Chunk
from tailrace_core.submission.chunk_steps import ChunkTask

MAX_BATCH = 25
"""Chunks in one transaction. DynamoDB takes 100 writes in one."""
BATCH_INTERVAL_S = 0.25
"""Time between transactions, unless a full one is ready. Fewer, larger transactions cost less."""

PIPELINE_DEPTH = 12
"""Limit on unfinished chunks, as a multiple of the concurrent uploads.

Most of them are uploaded and hold few bytes. A half is for those that wait for two transactions.
"""


def batch_size(concurrency: int) -> int:
    """Return the size of a full transaction: a quarter of the unfinished chunks at most."""
    return min(MAX_BATCH, PIPELINE_DEPTH * concurrency // 4)


class IntentQueue:
    """Takes uploaded chunks in any order; returns them in the order of the input, without a gap.

    It does no locking: the senders see to that.
    """

    def __init__(self, batch: int = MAX_BATCH, *, not_before: float = 0.0) -> None:
        self._batch = batch
        self._uploaded: dict[int, ChunkTask] = {}
        self._next = 0
        self.not_before = not_before
        """Time of the next transaction, on the sender's clock, unless a full one is ready."""
        self.complete = False
        """True when no more chunks will be added."""

    def add(self, place: int, task: ChunkTask) -> None:
        """Add the uploaded chunk that is number ``place``, from 0, of those sent."""
        self._uploaded[place] = task

    @property
    def ready(self) -> bool:
        """True if the next chunk is there."""
        return self._next in self._uploaded

    @property
    def full(self) -> bool:
        """True if a full transaction is there."""
        return all(place in self._uploaded for place in range(self._next, self._next + self._batch))

    def take(self) -> list[ChunkTask]:
        """Remove and return the chunks of the next transaction."""
        tasks: list[ChunkTask] = []
        while self.ready and len(tasks) < self._batch:
            tasks.append(self._uploaded.pop(self._next))
            self._next += 1
        return tasks


class ConfirmationQueue:
    """Takes invoked chunks; returns them in that order. It does no locking."""

    def __init__(self, batch: int = MAX_BATCH, *, not_before: float = 0.0) -> None:
        self._batch = batch
        self._invoked: list[tuple[ChunkTask, list[Chunk]]] = []
        self.not_before = not_before
        """Time of the next transaction, on the sender's clock, unless a full one is ready."""
        self.complete = False
        """True when no more chunks will be added."""

    def add(self, task: ChunkTask, located: list[Chunk]) -> None:
        """Add a chunk with the attempts to confirm for it: its own, or those of waiting chunks."""
        self._invoked.append((task, located))

    @property
    def ready(self) -> bool:
        """True if a chunk is there."""
        return bool(self._invoked)

    @property
    def full(self) -> bool:
        """True if a full transaction is there."""
        return sum(len(located) for _, located in self._invoked) >= self._batch

    def take(self) -> list[tuple[ChunkTask, list[Chunk]]]:
        """Remove and return the chunks of the next transaction."""
        taken, self._invoked = self._invoked[: self._batch], self._invoked[self._batch :]
        return taken
