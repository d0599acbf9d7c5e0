"""DynamoDB in memory: the ledger's table with conditions, transactions and sparse indexes."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NoReturn

from tests.faults.memory_aws.errors import refusal
from tests.faults.memory_aws.expressions import ExpressionError, Item, holds, plain, updated

TOKEN_S = 600.0
"""Lifetime of a transaction's token, in seconds."""
PAGE_ITEMS = 50
"""Items in a page; few, so that code that does not page fails. The service's pages hold a
megabyte."""
INDEXES = {"due": ("due_shard", "due_at", "N"), "created": ("kind", "created_at", "S")}

Key = tuple[str, str]


@dataclass
class DynamoDb:
    """The client's methods for one table.

    Reads through an index are as consistent as the others. Races do not need a lagging index: their
    worst case is a read before a write.
    """

    table: str
    clock: Callable[[], float]
    items: dict[Key, Item] = field(default_factory=dict)
    page_items: int = PAGE_ITEMS
    on_change: list[Callable[[set[str]], None]] = field(default_factory=list)
    """Called with the jobs that a write changed."""
    _partitions: dict[str, list[str]] = field(default_factory=dict)
    _tokens: dict[str, tuple[float, Any]] = field(default_factory=dict)
    _indexed: dict[str, dict[Key, None]] = field(default_factory=lambda: {name: {} for name in INDEXES})

    def get_item(self, *, TableName: str, Key: Item, ConsistentRead: bool = False) -> dict[str, Any]:  # noqa: N803, ARG002 boto3's names
        self._check_table(TableName, "GetItem")
        found = self.items.get(_key(Key))
        return {} if found is None else {"Item": dict(found)}

    def batch_get_item(self, *, RequestItems: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N803 boto3's names
        ((table, wanted),) = RequestItems.items()
        self._check_table(table, "BatchGetItem")
        found = [self.items[_key(each)] for each in wanted["Keys"] if _key(each) in self.items]
        return {"Responses": {table: [dict(each) for each in found]}, "UnprocessedKeys": {}}

    def update_item(self, **request: Any) -> dict[str, Any]:
        self._check_table(request["TableName"], "UpdateItem")
        try:
            after = self._after("Update", request)
        except ExpressionError as exc:
            raise refusal("ValidationException", str(exc), "UpdateItem") from exc
        if after is None:
            raise refusal("ConditionalCheckFailedException", "The conditional request failed", "UpdateItem")
        self._write({_key(request["Key"]): after})
        return {}

    def transact_write_items(
        self,
        *,
        TransactItems: list[dict[str, Any]],  # noqa: N803 boto3's names
        ClientRequestToken: str | None = None,  # noqa: N803 boto3's names
    ) -> dict[str, Any]:
        if ClientRequestToken is not None and self._seen(ClientRequestToken, TransactItems):
            return {}
        writes, reasons = self._outcomes(TransactItems)
        if any(reason != "None" for reason in reasons):
            self._cancelled(reasons)
        self._write(writes)
        if ClientRequestToken is not None:
            self._tokens[ClientRequestToken] = (self.clock(), TransactItems)
        return {}

    def query(self, **request: Any) -> dict[str, Any]:
        self._check_table(request["TableName"], "Query")
        try:
            found = self._index(request) if "IndexName" in request else self._partition(request)
        except ExpressionError as exc:
            raise refusal("ValidationException", str(exc), "Query") from exc
        limit = min(request.get("Limit", self.page_items), self.page_items)
        page = found[:limit]
        answer: dict[str, Any] = {"Items": [dict(item) for _, item in page]}
        if len(found) > limit:
            index = INDEXES.get(request.get("IndexName", ""), ())
            answer["LastEvaluatedKey"] = {name: page[-1][1][name] for name in ("job", "item", *index[:2])}
        return answer

    def names(self, job_id: str) -> list[str]:
        """Return the sort keys under a partition key, in order."""
        return self._partitions.get(job_id, [])

    def copy_from(self, other: DynamoDb) -> None:
        """Take over the data of another table; items are shared, because no write changes one."""
        self.items = dict(other.items)
        self._partitions = {job: list(names) for job, names in other._partitions.items()}
        self._tokens = dict(other._tokens)
        self._indexed = {name: dict(keys) for name, keys in other._indexed.items()}

    # -- internals

    def _partition(self, request: Mapping[str, Any]) -> list[tuple[Key, Item]]:
        job = next(value["S"] for name, value in request["ExpressionAttributeValues"].items() if name == ":j")
        names = self._partitions.get(job, [])
        after = request.get("ExclusiveStartKey")
        first = request["ExpressionAttributeValues"].get(":first", {"S": ""})["S"]
        start = bisect_left(names, after["item"]["S"] + "\0" if after else first)
        found = (((job, name), self.items[job, name]) for name in islice(names, start, None))
        matching = (each for each in found if holds(request, each[1], "KeyConditionExpression"))
        return list(islice(matching, request.get("Limit", self.page_items) + 1))

    def _index(self, request: Mapping[str, Any]) -> list[tuple[Key, Item]]:
        partition, sort, kind = INDEXES[request["IndexName"]]
        found = [
            (key, {name: self.items[key][name] for name in ("job", "item", partition, sort)})
            for key in self._indexed[request["IndexName"]]
        ]
        found = [(key, item) for key, item in found if holds(request, item, "KeyConditionExpression")]
        backwards = not request.get("ScanIndexForward", True)

        def position(item: Item) -> Any:
            return plain({kind: item[sort][kind]}), _key(item)

        found.sort(key=lambda each: position(each[1]), reverse=backwards)
        after = request.get("ExclusiveStartKey")
        if after is None:
            return found
        if backwards:
            return [each for each in found if position(each[1]) < position(after)]
        return [each for each in found if position(each[1]) > position(after)]

    def _check_table(self, name: str, operation: str) -> None:
        if name != self.table:
            raise refusal("ResourceNotFoundException", f"no table {name}", operation)

    def _seen(self, token: str, request: Any) -> bool:
        at, before = self._tokens.get(token, (0.0, None))
        if before is None or self.clock() - at > TOKEN_S:
            return False
        if before != request:
            raise refusal("IdempotentParameterMismatchException", "another request", "TransactWriteItems")
        return True

    def _outcomes(self, parts: list[dict[str, Any]]) -> tuple[dict[Key, Item], list[str]]:
        writes: dict[Key, Item] = {}
        reasons: list[str] = []
        touched: set[Key] = set()
        for part in parts:
            ((kind, request),) = part.items()
            self._check_table(request["TableName"], "TransactWriteItems")
            key = _key(request["Item"] if kind == "Put" else request["Key"])
            if key in touched:
                raise refusal("ValidationException", "one item twice in a transaction", "TransactWriteItems")
            touched.add(key)
            try:
                after = self._after(kind, request)
            except ExpressionError as exc:
                raise refusal("ValidationException", str(exc), "TransactWriteItems") from exc
            reasons.append("ConditionalCheckFailed" if after is None else "None")
            if after is not None and kind != "ConditionCheck":
                writes[key] = after
        return writes, reasons

    def _after(self, kind: str, request: Mapping[str, Any]) -> Item | None:
        """Return the item after the write; None if its condition fails."""
        key = _key(request["Item"] if kind == "Put" else request["Key"])
        before = self.items.get(key)
        if not holds(request, before):
            return None
        if kind == "Put":
            return dict(request["Item"])
        if kind == "ConditionCheck":
            return before or {}
        return updated(request, before or dict(request["Key"]))

    def _cancelled(self, reasons: list[str]) -> NoReturn:
        message = (
            f"Transaction cancelled, please refer cancellation reasons for specific reasons [{', '.join(reasons)}]"
        )
        raise refusal(
            "TransactionCanceledException",
            message,
            "TransactWriteItems",
            CancellationReasons=[{"Code": reason} for reason in reasons],
        )

    def _write(self, writes: Mapping[Key, Item]) -> None:
        for key, item in writes.items():
            if key not in self.items:
                insort(self._partitions.setdefault(key[0], []), key[1])
            self.items[key] = item
            for name, (partition, sort, kind) in INDEXES.items():
                if partition in item and kind in item.get(sort, {}):
                    self._indexed[name][key] = None
                else:
                    self._indexed[name].pop(key, None)
        for notify in self.on_change:
            notify({job for job, _ in writes})


def _key(item: Item) -> Key:
    return item["job"]["S"], item["item"]["S"]
