"""Queues as SQS (moto) has them: hidden, given back, with their attributes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tailrace.aws.connections import translate_errors
from tailrace.aws.queues import Queue, release, scan
from tailrace_core.aws.calls import Call
from tests.integration.producer.stack import Pipeline


@pytest.fixture
def queue(stack: Pipeline, client: Callable[[str], Any]) -> Queue:
    assert stack.bucket
    url = client("sqs").create_queue(QueueName="letters")["QueueUrl"]

    def execute(call: Call) -> Any:
        with translate_errors(call):
            return getattr(client(call.service), call.operation)(**call.params)

    return Queue(url, execute)


def test_what_is_read_is_hidden_until_it_is_given_back(queue: Queue) -> None:
    for number in range(12):
        queue.send(str(number))
    ticks = iter(range(1000))
    found = scan(queue, max_messages=100, timeout_s=900, visibility_timeout_s=60, now=lambda: next(ticks))
    assert {each.body for each in found.messages} == {str(number) for number in range(12)}
    assert found.complete
    assert queue.receive(visibility_timeout_s=60, wait_s=0) == []
    assert queue.size() == 12
    release(queue, found.messages)
    assert len(queue.receive(visibility_timeout_s=60, wait_s=0)) == 10


def test_reading_stops_at_its_bounds_and_says_that_there_is_more(queue: Queue) -> None:
    for number in range(12):
        queue.send(str(number))
    found = scan(queue, max_messages=11, timeout_s=900, visibility_timeout_s=60, now=lambda: 0.0)
    assert (len(found.messages), found.complete) == (11, False)
    late = iter((0.0, 0.0, 901.0, 901.0))
    found = scan(queue, max_messages=100, timeout_s=900, visibility_timeout_s=60, now=lambda: next(late))
    assert not found.complete


def test_attributes_and_times_come_with_a_message(queue: Queue) -> None:
    attributes = {
        "type": {"DataType": "String", "StringValue": "x"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\xff"},
    }
    queue.send("body", attributes)
    (held,) = queue.receive(visibility_timeout_s=60, wait_s=0)
    assert held.attributes["type"]["StringValue"] == "x"
    assert held.attributes["raw"]["BinaryValue"] == b"\xff"
    assert held.receives == 1
    assert held.sent_at is not None


def test_a_message_is_deleted_once_and_a_second_time_is_harmless(queue: Queue) -> None:
    queue.send("body")
    (held,) = queue.receive(visibility_timeout_s=60, wait_s=0)
    queue.delete(held)
    queue.delete(held)
    release(queue, [held])
    assert queue.size() == 0
