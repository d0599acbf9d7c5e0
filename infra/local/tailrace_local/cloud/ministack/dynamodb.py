"""Patches of DynamoDB that save time: the answers stay MiniStack's."""

from __future__ import annotations

import functools
import heapq
import re
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

from tailrace_local.cloud.ministack.patching import Patch, PrivateModule

_SERVICE = "ministack.services.dynamodb"
_DYNAMODB = PrivateModule(_SERVICE, "_tables: AccountRegionScopedDict")
_QUERY = Patch(
    _SERVICE,
    "_query(data)",
    corrects="MiniStack sorts a whole partition and evaluates the condition for each item, even for a page of ten.",
    why="A job's partition has an item for each chunk: queries of a large job would take longer than the job's work.",
    until="MiniStack evaluates a query's condition for the items of the page only.",
)
_UNTIL_PARSED_ONCE = "MiniStack parses an expression once for a request."
_TOKENIZE = Patch(
    _SERVICE,
    "_tokenize(expr)",
    corrects="MiniStack tokenizes a query's condition again for each item, a transaction's three times for each write.",
    why="It is most of the time that the cloud spends for a chunk.",
    until=_UNTIL_PARSED_ONCE,
)
_SYNTAX = Patch(
    _SERVICE,
    "_condition_syntax_error(expr, slot)",
    corrects="MiniStack checks the syntax of the same condition again for each request.",
    why="It is much of the time that the cloud spends for a chunk.",
    until=_UNTIL_PARSED_ONCE,
)
_COPY = Patch(
    _SERVICE,
    "copy: module",
    corrects="MiniStack copies items with copy.deepcopy, which looks for cycles and types that JSON cannot hold.",
    why="It is slow for the items that each transaction reads and writes.",
    until="MiniStack copies items by something quicker, or not at all.",
)

_EXPRESSIONS_KEPT = 4096
_BETWEEN = re.compile(r"\s*(#?\w+)\s*=\s*(:\w+)\s+AND\s+(#?\w+)\s+BETWEEN\s+(:\w+)\s+AND\s+(:\w+)\s*")
_NARROWED = "tailrace.narrowed"
"""The name of a table that exists while one query runs."""

Item = dict[str, Any]
Page = tuple[int, dict[str, str], bytes | str]


class FasterDynamoDb:
    """Parses each expression once, copies items quickly, and evaluates one page of a query."""

    def __init__(self) -> None:
        self._dynamodb = _DYNAMODB.load()

    def install(self) -> None:
        """Apply the patches."""
        tokens = functools.lru_cache(_EXPRESSIONS_KEPT)(_TOKENIZE.original())
        # Callers consume the list.
        _TOKENIZE.wrap(lambda _original, expression: list(tokens(expression)))
        _SYNTAX.replace(functools.lru_cache(_EXPRESSIONS_KEPT)(_SYNTAX.original()))
        _COPY.replace(SimpleNamespace(deepcopy=_copied))
        _QUERY.wrap(self._query)

    def _query(self, original: Callable[[dict[str, Any]], Page], data: dict[str, Any]) -> Page:
        found = self._narrowed(data)
        if found is None:
            return original(data)
        tables = self._dynamodb._tables
        tables[_NARROWED] = found
        try:
            return original({**data, "TableName": _NARROWED})
        finally:
            del tables[_NARROWED]

    def _narrowed(self, data: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the table with the items of the page only.

        None for a query that MiniStack answers alone.
        """
        table = self._dynamodb._tables.get(data.get("TableName"))
        found = _BETWEEN.fullmatch(str(data.get("KeyConditionExpression")))
        if not table or found is None or not _is_plain(data):
            return None
        names = data.get("ExpressionAttributeNames") or {}
        if [names.get(found[place], found[place]) for place in (1, 3)] != [table["pk_name"], table["sk_name"]]:
            return None
        values = data.get("ExpressionAttributeValues") or {}
        partition, first, last = (_text(values.get(found[place])) for place in (2, 4, 5))
        if partition is None or first is None or last is None:
            return None
        items = table["items"].get(partition, {})
        after = _text((data.get("ExclusiveStartKey") or {}).get(table["sk_name"]))
        keys: Iterator[str] | list[str] = (
            key for key in items if first <= key <= last and (after is None or key > after)
        )
        if data.get("Limit"):
            keys = heapq.nsmallest(int(data["Limit"]), keys)
        return {**table, "items": {partition: {key: items[key] for key in keys}}}


def _is_plain(data: Mapping[str, Any]) -> bool:
    """Return whether a query reads no index, forwards, and not the consumed capacity."""
    return (
        not data.get("IndexName")
        and data.get("ScanIndexForward", True) is True
        and isinstance(data.get("Limit", 1), int)
        and data.get("ReturnConsumedCapacity") in {None, "NONE"}
    )


def _copied(value: Any) -> Any:
    """Copy a value that came as JSON, at every depth."""
    if isinstance(value, dict):
        return {name: _copied(item) for name, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _text(value: Any) -> str | None:
    return value["S"] if isinstance(value, dict) and isinstance(value.get("S"), str) else None
