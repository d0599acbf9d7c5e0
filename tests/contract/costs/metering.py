"""Counts what a job uses that is paid by the piece, by letting it run in the world in memory."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from tailrace.costs import Usage
from tailrace.options import SubmitOptions
from tests.faults.memory_aws.dynamodb import INDEXES, DynamoDb
from tests.faults.world import World

_READ_BYTES, _WRITE_BYTES = 4_096, 1_024
Item = Mapping[str, Any]


class MeteredTable:
    """The table's client, reckoning capacity as DynamoDB documents it: by item and size, twice in a transaction."""

    def __init__(self, table: DynamoDb) -> None:
        self._table = table
        self.write_units = 0
        self.read_units = 0

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        method = getattr(self._table, operation)

        def call(**request: Any) -> Any:
            before = dict(self._table.items)
            answer = method(**request)
            if operation in {"update_item", "transact_write_items"}:
                self._wrote(request, before)
            else:
                self._read(operation, request, answer)
            return answer

        return call

    def _wrote(self, request: Mapping[str, Any], before: Mapping[Any, Item]) -> None:
        parts = request.get("TransactItems") or [{"Update": request}]
        for part in parts:
            ((_, inner),) = part.items()
            named = inner.get("Item") or inner["Key"]
            key = (named["job"]["S"], named["item"]["S"])
            old, new = before.get(key, {}), self._table.items.get(key, {})
            units = max(1, math.ceil(max(_size(old), _size(new)) / _WRITE_BYTES))
            self.write_units += units * (2 if "TransactItems" in request else 1)
            self.write_units += sum(_index_writes(old, new, *keys) for keys in INDEXES.values())

    def _read(self, operation: str, request: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        items = [answer["Item"]] if answer.get("Item") else answer.get("Items", [])
        size = sum(map(_size, items))
        consistent = request.get("ConsistentRead", False)
        assert operation in {"get_item", "query"}, operation
        self.read_units += max(1, math.ceil(size / _READ_BYTES / (1 if consistent else 2)))


def _size(item: Item) -> int:
    return sum(len(name) + sum(len(str(each)) for each in value.values()) for name, value in item.items())


def _index_writes(old: Item, new: Item, partition: str, sort: str, kind: str) -> int:
    """One to put an entry, one to take one out; an entry that moves is both."""
    was, is_now = (
        (item[partition], item[sort]) if partition in item and kind in item.get(sort, {}) else None
        for item in (old, new)
    )
    return 0 if was == is_now else (was is not None) + (is_now is not None)


def usage(chunks: int) -> Usage:
    """Of a job of so many chunks with kept columns, from its submit to its end, nothing going wrong."""
    calls: Counter[str] = Counter()
    world = World(watch=False)
    world.schedule.before_call = lambda _role, call: calls.update([call])
    metered = MeteredTable(world.cloud.dynamodb)
    world.cloud.add_service("dynamodb", metered)
    rows = b"".join(b"k%d,%d\n" % (number, number) for number in range(2 * chunks))
    world.submit(b"id,x\n" + rows, SubmitOptions(keep="id", chunk_rows=2))
    world.drain()
    return Usage(
        puts=calls["s3.put_object"],
        gets=calls["s3.get_object"] + calls["s3.head_object"],
        write_units=metered.write_units,
        read_units=metered.read_units,
        publishes=calls["sns.publish"],
        queue_requests=sum(count for call, count in calls.items() if call.startswith("sqs.")),
    )


def of_a_chunk(few: int = 20, many: int = 40) -> Usage:
    """What one more chunk uses: the difference, rounded up, that leaves out what a job uses only once."""
    one, other = (dataclasses.asdict(usage(chunks)) for chunks in (few, many))
    return Usage(**{name: math.ceil((other[name] - one[name]) / (many - few)) for name in one})
