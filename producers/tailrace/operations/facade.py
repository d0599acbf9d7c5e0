"""The facade of the operations on one stack."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from tailrace.aws.callers import caller_arn
from tailrace.aws.queues import Queue
from tailrace.aws.stacks import Stack
from tailrace.operations.attention import MAX_CHUNKS, Attention, AttentionReader
from tailrace.operations.bulk_redriving import BulkRedriver
from tailrace.operations.dead_letters import DeadLetters
from tailrace.operations.parked_queue import ParkedQueue
from tailrace.operations.redriving import ParkedRedriver
from tailrace_core.aws.calls import Call, run
from tailrace_core.ledger.port import Ledger


class Operations:
    """Parked chunks and dead letters of one stack; each part is built on first use.

    ``execute`` carries out a call; ``read`` carries out one that gets an object, and returns the
    whole body. Both are there for further reads of the same stack.
    """

    def __init__(
        self,
        stack: Stack,
        ledger: Ledger,
        *,
        execute: Callable[[Call], Any],
        read: Callable[[Call], bytes],
        now: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        self.stack = stack
        self._ledger = ledger
        self.execute = execute
        self.read = read
        self._now = now
        self._new_id = new_id

    @cached_property
    def parked(self) -> ParkedQueue:
        """The parked chunks."""
        return ParkedQueue(
            queue=self._queue_of("ParkedQueue"),
            ledger=self._ledger,
            bucket=self.stack.bucket,
            read=self.read,
            now=self._now,
        )

    def attention(self, limit: int = MAX_CHUNKS) -> Attention:
        """List the parked chunks of all jobs, the longest parked first, without receiving anything."""
        return self._attention.read(limit)

    @cached_property
    def _attention(self) -> AttentionReader:
        return AttentionReader(ledger=self._ledger, queue=self._queue_of("ParkedQueue"), now=self._now)

    @cached_property
    def caller(self) -> str | None:
        """ARN of the identity that makes the calls; None if STS does not answer."""
        return run(caller_arn(), self.execute)

    @cached_property
    def redriving(self) -> ParkedRedriver:
        """Redriving and discarding of parked chunks."""
        return ParkedRedriver(**self._decision_parts())

    @cached_property
    def bulk(self) -> BulkRedriver:
        """Redriving, discarding and correcting of all parked chunks that match."""
        return BulkRedriver(attention=self.attention, **self._decision_parts())

    def _decision_parts(self) -> dict[str, Any]:
        return {
            "parked": self.parked,
            "retries": self._queue_of("RetriesQueue"),
            "failed": self._queue_of("FailedQueue"),
            "ledger": self._ledger,
            "bucket": self.stack.bucket,
            "execute": self.execute,
            "caller": lambda: self.caller,
            "now": self._now,
        }

    @cached_property
    def dead_letters(self) -> DeadLetters:
        """The dead-letter queues of consumers and subscriptions."""
        return DeadLetters(self.stack, self._queue, now=self._now, new_id=self._new_id)

    def _queue_of(self, output: str) -> Queue:
        return self._queue(self.stack.queue_url(output))

    def _queue(self, url: str) -> Queue:
        return Queue(url, self.execute)
