"""MiniStack's DynamoDB, relieved of work that grows with a table or is done again for each item."""

from __future__ import annotations

import functools
import heapq
import importlib
import re
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

from tailrace_local.cloud.ministack.identities import replace

_EXPRESSIONS_KEPT = 4096
_BETWEEN = re.compile(r"\s*(#?\w+)\s*=\s*(:\w+)\s+AND\s+(#?\w+)\s+BETWEEN\s+(:\w+)\s+AND\s+(:\w+)\s*")
_NARROWED = "tailrace.narrowed"
"""A table's name that exists while one query runs."""

Item = dict[str, Any]
Page = tuple[int, dict[str, str], bytes | str]


class MiniStackTables:
    """What is replaced there; the answers stay MiniStack's."""

    def __init__(self) -> None:
        self._dynamodb = importlib.import_module("ministack.services.dynamodb")

    def install(self) -> None:
        """Read each expression once, copy items fast, and have a query look at what it will answer with."""
        self._read_expressions_once()
        vars(self._dynamodb)["copy"] = SimpleNamespace(deepcopy=_copied)
        stock = self._dynamodb._query  # noqa: SLF001 - no public way in

        def query(data: dict[str, Any]) -> Page:
            found = self._narrowed(data)
            if found is None:
                return stock(data)  # type: ignore[no-any-return] # MiniStack has no types
            tables = self._dynamodb._tables  # noqa: SLF001 - as above
            tables[_NARROWED] = found
            try:
                return stock({**data, "TableName": _NARROWED})  # type: ignore[no-any-return] # as above
            finally:
                del tables[_NARROWED]

        replace(self._dynamodb, "_query", query)

    def _read_expressions_once(self) -> None:
        """A query reads its condition again for each item of the partition, a transaction thrice for each write."""
        tokens = functools.lru_cache(_EXPRESSIONS_KEPT)(self._dynamodb._tokenize)  # noqa: SLF001 - no public way in
        check = functools.lru_cache(_EXPRESSIONS_KEPT)(self._dynamodb._condition_syntax_error)  # noqa: SLF001 - as above
        replace(self._dynamodb, "_tokenize", lambda expression: list(tokens(expression)))
        replace(self._dynamodb, "_condition_syntax_error", check)

    def _narrowed(self, data: Mapping[str, Any]) -> dict[str, Any] | None:
        """The table with those items that the page can hold; None for a query that is left to MiniStack as it is.

        MiniStack sorts a whole partition and evaluates the condition for each of its items, for a page of ten, too.
        """
        table = self._dynamodb._tables.get(data.get("TableName"))  # noqa: SLF001 - no public way in
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
    """Whether a query reads the table itself, forwards, and wants to know nothing of the table."""
    return (
        not data.get("IndexName")
        and data.get("ScanIndexForward", True) is True
        and isinstance(data.get("Limit", 1), int)
        and data.get("ReturnConsumedCapacity") in {None, "NONE"}
    )


def _copied(value: Any) -> Any:
    """A deep copy of what came as JSON; `copy.deepcopy` looks for cycles and types that are not there."""
    if isinstance(value, dict):
        return {name: _copied(item) for name, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _text(value: Any) -> str | None:
    return value["S"] if isinstance(value, dict) and isinstance(value.get("S"), str) else None
