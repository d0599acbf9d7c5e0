"""Conditional writes to the ledger's table, as items of a transaction, and their outcomes."""

from __future__ import annotations

import re
from typing import Any

from tailrace_core.jobs.history import MAX_ENTRIES, History, HistoryEntry, extended
from tailrace_core.ledger import items
from tailrace_core.ledger.rules import OpenOutcome, SettleOutcome

CONDITION_FAILED = "ConditionalCheckFailed"
"""The cancellation reason that is an answer: a condition that did not hold."""

_VALUE = re.compile(r":\w+")


def put_new(table: str, item: dict[str, Any]) -> dict[str, Any]:
    """Build a write that adds an item unless it exists."""
    return {"Put": {"TableName": table, "Item": item, "ConditionExpression": "attribute_not_exists(job)"}}


def update(table: str, key: dict[str, Any], expression: str, condition: str, values: dict[str, Any]) -> dict[str, Any]:
    """Build a write that changes an item if ``condition`` holds.

    ``#s`` stands for ``state``, a reserved word.
    """
    request = _request(table, key, condition, values, f"{expression} {condition}")
    return {"Update": {**request, "UpdateExpression": expression}}


def _request(table: str, key: dict[str, Any], condition: str, values: dict[str, Any], text: str) -> dict[str, Any]:
    # DynamoDB refuses a name or value that no expression uses, like one that is used and not given.
    used = items.encode_item({name: values[name] for name in _VALUE.findall(text)})
    request = {"TableName": table, "Key": key, "ConditionExpression": condition}
    return {
        **request,
        **({"ExpressionAttributeNames": {"#s": "state"}} if "#s" in text else {}),
        **({"ExpressionAttributeValues": used} if used else {}),
    }


def with_entry(
    expression: str, values: dict[str, Any], history: History, entry: HistoryEntry | None
) -> tuple[str, dict[str, Any]]:
    """Add an entry of an item's history to an update that starts with ``SET``; None adds nothing.

    ``history`` is as the caller read it. While it has room, the entry is appended to whatever
    stands there, so that no concurrent caller's entry is lost.
    """
    if entry is None:
        return expression, values
    if len(history) < MAX_ENTRIES:
        added = "list_append(if_not_exists(history, :history), :entry)"
        texts: dict[str, Any] = {":history": (), ":entry": (entry.to_text(),)}
    else:
        added = ":history"
        texts = {":history": tuple(each.to_text() for each in extended(history, entry))}
    return expression.replace("SET ", f"SET history = {added}, ", 1), {**values, **texts}


def waiting_from_at_most(row: int, waiting_from: int | None) -> tuple[str, str]:
    """Return the beginning of an update, and its condition, of a job that gets a waiting chunk.

    Afterwards ``waiting_from`` is at most ``row``, the first row of the chunk. The value given is
    the one that the caller has read.
    """
    if waiting_from is not None and waiting_from <= row:
        return "", "waiting_from <= :row"
    return "SET waiting_from = :row ", "(attribute_not_exists(waiting_from) OR waiting_from > :row)"


def open_outcome(reasons: tuple[str, ...]) -> OpenOutcome:
    """Return the outcome of a transaction whose first write adds a chunk; no reason is success."""
    if not reasons:
        return OpenOutcome.OPENED
    return OpenOutcome.EXISTS if reasons[0] == CONDITION_FAILED else OpenOutcome.CLOSED


def settle_outcome(reasons: tuple[str, ...]) -> SettleOutcome:
    """Return the outcome of a transaction whose first write ends a chunk; no reason is success."""
    if not reasons:
        return SettleOutcome.SETTLED
    return SettleOutcome.ALREADY if reasons[0] == CONDITION_FAILED else SettleOutcome.REFUSED
