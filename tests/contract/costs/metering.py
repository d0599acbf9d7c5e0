"""Metering of a job's billed usage, in a simulation of the job."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tailrace.costs.cost_model import Usage
from tailrace_core.submission.options import DEFAULT_WINDOW, SubmitOptions
from tests.faults.functions import CONSUMERS
from tests.faults.injection import READ
from tests.faults.memory_aws.dynamodb import INDEXES, DynamoDb
from tests.faults.simulation import Simulation

_READ_BYTES, _WRITE_BYTES = 4_096, 1_024
Item = Mapping[str, Any]


class MeteredTable:
    """The table's client with DynamoDB's documented capacity units: by item and size, twice in a
    transaction."""

    def __init__(self, table: DynamoDb) -> None:
        self._table = table
        self.write_units = 0
        self.read_units = 0

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        method = getattr(self._table, operation)

        def call(**request: Any) -> Any:
            before = {key: self._table.items.get(key, {}) for key in _written(request)}
            answer = method(**request)
            if operation in {"update_item", "transact_write_items"}:
                self._wrote(request, before)
            else:
                self._read(operation, request, answer)
            return answer

        return call

    def _wrote(self, request: Mapping[str, Any], before: Mapping[Any, Item]) -> None:
        for key, old in before.items():
            new = self._table.items.get(key, {})
            units = max(1, math.ceil(max(_size(old), _size(new)) / _WRITE_BYTES))
            self.write_units += units * (2 if "TransactItems" in request else 1)
            self.write_units += sum(_index_writes(old, new, *keys) for keys in INDEXES.values())

    def _read(self, operation: str, request: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        if operation == "batch_get_item":
            ((table, wanted),) = request["RequestItems"].items()
            assert wanted["ConsistentRead"]
            found = [math.ceil(_size(item) / _READ_BYTES) for item in answer["Responses"][table]]
            # An item that is not there costs a unit.
            self.read_units += sum(found) + len(wanted["Keys"]) - len(found)
            return
        items = [answer["Item"]] if answer.get("Item") else answer.get("Items", [])
        size = sum(map(_size, items))
        consistent = request.get("ConsistentRead", False)
        assert operation in {"get_item", "query"}, operation
        self.read_units += max(1, math.ceil(size / _READ_BYTES / (1 if consistent else 2)))


def _written(request: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the keys of the items in a write."""
    parts = [inner for part in request.get("TransactItems", ()) for inner in part.values()]
    parts += [request] if "UpdateExpression" in request else []
    named = [each.get("Item") or each["Key"] for each in parts]
    return [(each["job"]["S"], each["item"]["S"]) for each in named]


def _size(item: Item) -> int:
    return sum(len(name) + sum(len(str(each)) for each in value.values()) for name, value in item.items())


def _index_writes(old: Item, new: Item, partition: str, sort: str, kind: str) -> int:
    """Count index writes: one to put an entry, one to delete it; a move is both."""
    was, is_now = (
        (item[partition], item[sort]) if partition in item and kind in item.get(sort, {}) else None
        for item in (old, new)
    )
    return 0 if was == is_now else (was is not None) + (is_now is not None)


@dataclass(frozen=True, slots=True)
class Counted:
    """Usage of one job: calls of producer and functions by service and operation, and units."""

    chunks: int
    calls: Mapping[str, int]
    messages: int
    """Messages that Lambda received for the functions and deleted: one request each, unless
    batched."""
    usage: Usage

    def of(self, *services: str) -> float:
        """Return the calls of these services for each chunk; ``sqs`` includes Lambda's own calls."""
        counted = sum(count for call, count in self.calls.items() if call.partition(".")[0] in services)
        return (counted + ("sqs" in services) * 2 * self.messages) / self.chunks

    @property
    def each(self) -> float:
        """Return all calls for each chunk."""
        return (sum(self.calls.values()) + 2 * self.messages) / self.chunks


def usage(chunks: int) -> Usage:
    """Measure the usage of a job of ``chunks`` chunks."""
    return counted(chunks).usage


def counted(chunks: int, window: int = DEFAULT_WINDOW) -> Counted:
    """Measure a job with kept columns from its submit to its end, without any fault."""
    calls: Counter[str] = Counter()
    sim = Simulation(check_invariants=False)
    sim.schedule.before_call = lambda _role, call: None if call.endswith(READ) else calls.update([call])
    metered = MeteredTable(sim.cloud.dynamodb)
    sim.cloud.add_service("dynamodb", metered)
    rows = b"".join(b"k%d,%d\n" % (number, number) for number in range(2 * chunks))
    sim.submit(b"id,x\n" + rows, SubmitOptions(keep="id", chunk_rows=2, window=window))
    sim.drain()
    used = Usage(
        puts=calls["s3.put_object"],
        gets=calls["s3.get_object"] + calls["s3.head_object"],
        write_units=metered.write_units,
        read_units=metered.read_units,
        publishes=calls["sns.publish"] + calls["sns.publish_batch"],
        queue_requests=sum(count for call, count in calls.items() if call.startswith("sqs.")),
    )
    messages = sum(role in CONSUMERS for role, _ in sim.functions.outcomes)
    return Counted(chunks, calls, messages, used)


def of_a_chunk(few: int = 20, many: int = 40) -> Usage:
    """Return the usage of one more chunk: a difference, rounded up, without a job's fixed usage."""
    one, other = (dataclasses.asdict(usage(chunks)) for chunks in (few, many))
    return Usage(**{name: math.ceil((other[name] - one[name]) / (many - few)) for name in one})
