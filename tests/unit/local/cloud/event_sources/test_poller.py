"""A poller between a queue and a function, both of them fakes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from tailrace_local.cloud.event_sources.mapping import EventSourceMapping
from tailrace_local.cloud.event_sources.poller import Poller

ARN = "arn:aws:sqs:eu-west-1:123456789012:results"


def message(name: str) -> dict[str, Any]:
    return {"MessageId": name, "ReceiptHandle": f"handle-{name}", "Body": name, "MD5OfBody": ""}


class Clock:
    """Time that passes when somebody waits for messages."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class FakeQueue:
    """Messages that arrive at given times."""

    def __init__(self, clock: Clock, arrivals: Sequence[tuple[float, str]]) -> None:
        self._clock = clock
        self._arrivals = list(arrivals)
        self.deleted: list[str] = []
        self.asked: list[int] = []

    def receive(self, maximum: int, wait_s: int) -> list[dict[str, Any]]:
        self.asked.append(maximum)
        until = self._clock.now + wait_s
        first = self._arrivals[0][0] if self._arrivals else until + 1
        self._clock.now = max(self._clock.now, min(until, first))
        if wait_s == 0:
            self._clock.now += 0.25
        found = [name for at, name in self._arrivals if at <= self._clock.now][:maximum]
        self._arrivals = [(at, name) for at, name in self._arrivals if name not in found]
        return [message(name) for name in found]

    def delete(self, receipts: Sequence[str]) -> None:
        assert len(receipts) <= 10
        self.deleted += [receipt.removeprefix("handle-") for receipt in receipts]


class FakeFunction:
    """A function with scripted answers, one after the other."""

    reserved_concurrency = None

    def __init__(self, *results: dict[str, Any]) -> None:
        self._results = list(results)
        self.events: list[dict[str, Any]] = []

    def invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        self.events.append(event)
        return self._results.pop(0)

    def matching(self, records: list[dict[str, Any]], mapping: EventSourceMapping) -> list[dict[str, Any]]:
        del mapping
        return records


def mapping(**settings: Any) -> EventSourceMapping:
    record = {"UUID": "u", "EventSourceArn": ARN, "FunctionName": "f", **settings}
    found = EventSourceMapping.of("123456789012", "eu-west-1", record)
    assert found is not None
    return found


def poller(queue: FakeQueue, function: FakeFunction, clock: Clock) -> Poller:
    return Poller(lambda: None, queue, function, clock=clock)


def gathered(arrivals: Sequence[tuple[float, str]], **settings: Any) -> list[str]:
    clock = Clock()
    found = poller(FakeQueue(clock, arrivals), FakeFunction(), clock).receive_batch(mapping(**settings))
    return [one["MessageId"] for one in found]


def delivered(result: dict[str, Any], names: Sequence[str], **settings: Any) -> list[str]:
    clock = Clock()
    queue, function = FakeQueue(clock, []), FakeFunction(result)
    batch = [{"messageId": name, "receiptHandle": f"handle-{name}", "body": name} for name in names]
    poller(queue, function, clock).deliver(mapping(**settings), batch)
    assert function.events == [{"Records": batch}]
    return queue.deleted


def test_without_a_window_a_batch_is_one_receive() -> None:
    assert gathered([(0, "a"), (0, "b"), (1, "late")], BatchSize=10) == ["a", "b"]


def test_a_batch_never_exceeds_its_size() -> None:
    assert gathered([(0, name) for name in "abcdef"], BatchSize=4, MaximumBatchingWindowInSeconds=60) == list("abcd")


def test_a_window_collects_what_arrives_before_it_closes() -> None:
    arrivals = [(0, "a"), (3, "b"), (8, "c"), (30, "late")]
    assert gathered(arrivals, BatchSize=100, MaximumBatchingWindowInSeconds=10) == ["a", "b", "c"]


def test_a_window_lets_batches_grow_beyond_one_receive() -> None:
    names = [f"m{n}" for n in range(25)]
    arrivals = [(0.0, name) for name in names]
    assert gathered(arrivals, BatchSize=25, MaximumBatchingWindowInSeconds=5) == names


def test_a_poller_that_does_not_receive_when_its_mapping_is_disabled_receives_nothing_more() -> None:
    clock, states = Clock(), [True, True, False]
    queue, function = FakeQueue(clock, [(0, "a"), (0, "b"), (0, "c")]), FakeFunction(*[{"body": None}] * 3)
    seen: list[bool] = []

    def look() -> EventSourceMapping | None:
        # While the poller reads the mapping it may still receive.
        seen.append(made.receiving)
        return dataclasses.replace(mapping(BatchSize=1), enabled=states.pop(0)) if states else None

    made = Poller(look, queue, function, clock=clock, pause_s=0.0)
    made.start()
    made.join(30)
    assert (seen, len(queue.asked), made.receiving) == ([True] * 4, 2, False)


def test_success_deletes_the_whole_batch() -> None:
    assert delivered({"body": None}, ["a", "b"]) == ["a", "b"]


def test_an_error_deletes_nothing() -> None:
    assert delivered({"body": {}, "error": True}, ["a", "b"]) == []


def test_reported_failures_stay_in_the_queue() -> None:
    answer = {"body": {"batchItemFailures": [{"itemIdentifier": "b"}]}}
    assert delivered(answer, ["a", "b", "c"], FunctionResponseTypes=["ReportBatchItemFailures"]) == ["a", "c"]


def test_deletions_go_by_ten() -> None:
    names = [f"m{n}" for n in range(23)]
    assert delivered({"body": None}, names) == names


def test_concurrency_is_the_mappings_bounded_by_the_functions() -> None:
    wide = mapping(ScalingConfig={"MaximumConcurrency": 8})
    assert [wide.concurrency(None), wide.concurrency(3), wide.concurrency(20)] == [8, 3, 8]


def test_settings_that_came_from_a_templates_parameters_are_understood() -> None:
    found = mapping(
        BatchSize="5",
        MaximumBatchingWindowInSeconds="2",
        Enabled="false",
        ScalingConfig={"MaximumConcurrency": "8"},
    )
    assert (found.batch_size, found.window_s, found.enabled, found.concurrency(None)) == (5, 2.0, False, 8)


def test_a_fifo_queue_is_worked_on_one_batch_at_a_time() -> None:
    found = mapping(EventSourceArn=f"{ARN}.fifo", ScalingConfig={"MaximumConcurrency": 8})
    assert found.concurrency(None) == 1


def test_a_stream_is_no_queue() -> None:
    record = {"UUID": "u", "EventSourceArn": "arn:aws:dynamodb:eu-west-1:1:table/t/stream/s", "FunctionName": "f"}
    assert EventSourceMapping.of("1", "eu-west-1", record) is None
