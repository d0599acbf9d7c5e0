"""The queue of uploaded chunks whose intents are to be recorded, in the order of the input."""

from __future__ import annotations

from tailrace.submit.steps import ChunkTask

MAX_BATCH = 25
"""Intents in one transaction. DynamoDB takes 100 writes in one."""
BATCH_INTERVAL_S = 0.05
"""Time between transactions, unless a full one is ready. Fewer, larger transactions cost less."""

PIPELINE_DEPTH = 8
"""Limit on unfinished chunks, as a multiple of the concurrent uploads.

Most of them are uploaded and hold few bytes.
"""


class IntentQueue:
    """Takes uploaded chunks in any order; returns them in the order of the input, without a gap.

    It does no locking: the senders see to that.
    """

    def __init__(self) -> None:
        self._uploaded: dict[int, ChunkTask] = {}
        self._next = 0

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
        return all(place in self._uploaded for place in range(self._next, self._next + MAX_BATCH))

    def take(self) -> list[ChunkTask]:
        """Remove and return the chunks of the next transaction."""
        tasks: list[ChunkTask] = []
        while self.ready and len(tasks) < MAX_BATCH:
            tasks.append(self._uploaded.pop(self._next))
            self._next += 1
        return tasks
