"""Writes to the ledger's table, as steps: one conditional update, or a transaction of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tailrace_core.aws.calls import Call, Steps
from tailrace_core.errors import ConditionFailedError
from tailrace_core.jobs.model import Chunk, ChunkState
from tailrace_core.ledger import expressions, items
from tailrace_core.ledger.lookups import LookupSteps


class WriteSteps(LookupSteps):
    """The writing primitives of `DynamoSteps`. A failed condition is an answer, not an error."""

    def _put_new(self, item: dict[str, Any]) -> dict[str, Any]:
        return expressions.put_new(self.table, item)

    def _write(self, key: dict[str, Any], update: str, condition: str, values: dict[str, Any]) -> dict[str, Any]:
        return expressions.update(self.table, key, update, condition, values)

    def _update(self, key: dict[str, Any], update: str, condition: str, values: dict[str, Any]) -> Steps[bool]:
        try:
            yield Call("dynamodb", "update_item", self._write(key, update, condition, values)["Update"])
        except ConditionFailedError:
            return False
        return True

    def _update_open(
        self, chunk: Chunk, update: str, values: dict[str, Any], attempt: int | None = None, also: str = ""
    ) -> Steps[bool]:
        """Change a chunk that is open at the given attempt; a waiting chunk is at none."""
        at = chunk.attempt if attempt is None else attempt
        if not at:
            return False
        current = {":open": ChunkState.OPEN, ":a": at}
        key = items.chunk_item_key(chunk.job_id, chunk.range)
        condition = "#s = :open AND attempt = :a" + (f" AND {also}" if also else "")
        return (yield from self._update(key, update, condition, {**values, **current}))

    def _transact(self, writes: Sequence[dict[str, Any]]) -> Steps[tuple[str, ...]]:
        """Carry out a transaction and return its cancellation reasons.

        There is one for each write, or none on success.
        """
        try:
            yield Call("dynamodb", "transact_write_items", {"TransactItems": list(writes)})
        except ConditionFailedError as exc:
            return exc.reasons or (expressions.CONDITION_FAILED,)
        return ()
