"""Writes to the ledger's table, as steps: one conditional update, or a transaction of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tailrace_core.aws.calls import Call, Steps
from tailrace_core.errors import ConditionFailedError
from tailrace_core.jobs.history import HistoryEntry
from tailrace_core.jobs.model import Chunk, ChunkState
from tailrace_core.ledger import expressions, items, rules
from tailrace_core.ledger.lookups import LookupSteps

MAX_WRITES = 100
"""Most items that DynamoDB writes in one transaction."""
MAX_TOGETHER = 50
"""Most chunks settled in one transaction."""
MAX_OPENED = MAX_WRITES - 1
"""Most chunks opened in one transaction, which counts them in the job's item."""
RETENTION_S = 45 * 86_400
"""Time to keep items after they are first due: the longest deadline (14 days), then longer than any
message can wait (4 days, then 14 in a dead-letter queue)."""


def expiry(chunk: Chunk) -> int:
    """Return when a chunk's item expires, in seconds since the epoch."""
    return int(rules.required_due_at(chunk)) + RETENTION_S


class WriteSteps(LookupSteps):
    """The writing primitives of `DynamoSteps`. A failed condition is an answer, not an error."""

    def _put_new(self, item: dict[str, Any]) -> dict[str, Any]:
        return expressions.put_new(self.table, item)

    def _write(self, key: dict[str, Any], update: str, condition: str, values: dict[str, Any]) -> dict[str, Any]:
        return expressions.update(self.table, key, update, condition, values)

    def _update(self, key: dict[str, Any], update: str, condition: str, values: dict[str, Any]) -> Steps[bool]:
        return (yield from self._update_one(self._write(key, update, condition, values)))

    def _update_one(self, write: dict[str, Any]) -> Steps[bool]:
        try:
            yield Call("dynamodb", "update_item", write["Update"])
        except ConditionFailedError:
            return False
        return True

    def _update_each(self, writes: Sequence[dict[str, Any]]) -> Steps[list[bool]]:
        """Carry out updates of different items, together, each if its own condition holds.

        Returns for each update whether its condition held. A transaction needs no permission but
        that to update an item. Whatever does not change leaves the others alone: DynamoDB names the
        conditions that failed, and the rest is carried out without them.
        """
        done: list[bool] = []
        for start in range(0, len(writes), MAX_WRITES):
            done += yield from self._update_together(writes[start : start + MAX_WRITES])
        return done

    def _update_together(self, writes: Sequence[dict[str, Any]]) -> Steps[list[bool]]:
        reasons = (yield from self._transact(writes)) if len(writes) > 1 else ("",)
        if not reasons:
            return [True] * len(writes)
        failed = [reason == expressions.CONDITION_FAILED for reason in reasons]
        done: list[bool] = []
        if len(failed) != len(writes) or not any(failed):
            # One update needs no transaction; or the service does not say which condition failed.
            for write in writes:
                done.append((yield from self._update_one(write)))  # noqa: PERF401 - a comprehension cannot yield from
            return done
        others = [write for write, each in zip(writes, failed, strict=True) if not each]
        rest = iter((yield from self._update_together(others)) if others else ())
        return [not each and next(rest) for each in failed]

    def _update_open(
        self,
        chunk: Chunk,
        update: str,
        values: dict[str, Any],
        attempt: int | None = None,
        also: str = "",
        entry: HistoryEntry | None = None,
    ) -> Steps[bool]:
        """Change a chunk that is open at the given attempt; a waiting chunk is at none."""
        at = chunk.attempt if attempt is None else attempt
        update, values = expressions.with_entry(update, values, chunk.history, entry)
        return (yield from self._update_one(self._write_open(chunk, update, values, at, also))) if at else False

    def _write_open(self, chunk: Chunk, update: str, values: dict[str, Any], at: int, also: str = "") -> dict[str, Any]:
        """Build the write that changes a chunk if it is open at attempt ``at``."""
        key = items.chunk_item_key(chunk.job_id, chunk.range)
        condition = "#s = :open AND attempt = :a" + (f" AND {also}" if also else "")
        return self._write(key, update, condition, {**values, ":open": ChunkState.OPEN, ":a": at})

    def _transact(self, writes: Sequence[dict[str, Any]]) -> Steps[tuple[str, ...]]:
        """Carry out a transaction and return its cancellation reasons.

        There is one for each write, or none on success.
        """
        try:
            yield Call("dynamodb", "transact_write_items", {"TransactItems": list(writes)})
        except ConditionFailedError as exc:
            return exc.reasons or (expressions.CONDITION_FAILED,)
        return ()
