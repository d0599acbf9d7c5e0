"""`TaskSender`: order of the intents, bounds, the first error, and cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, cast

import pytest

from tailrace.sources.file_thread import FileThread
from tailrace.submit.batch_queues import batch_size
from tailrace.submit.task_sender import TaskSender
from tailrace_core.aws.calls import Call, Steps
from tailrace_core.submission.chunk_steps import ChunkSteps, ChunkTask

CONCURRENCY = 4


@dataclass(frozen=True)
class Plan:
    number: int
    held_bytes: int = 1

    def uploaded(self) -> Plan:
        return self


class FakeSteps:
    """One call for each step; an intent is its chunk's number."""

    def __init__(self) -> None:
        self.recorded: list[int] = []
        self.confirmed: list[list[int]] = []

    def upload(self, plan: Plan) -> Steps[None]:
        yield Call("s3", "put", {"number": plan.number})

    def record(self, tasks: list[ChunkTask]) -> Steps[list[int | None]]:
        yield Call("dynamodb", "write", {})
        numbers = [task.number for task in tasks]
        self.recorded += numbers
        return cast("list[int | None]", numbers)

    def invoke(self, chunk: int) -> Steps[list[int]]:
        yield Call("runtime", "invoke", {"number": chunk})
        return [chunk]

    def confirm(self, located: list[int]) -> Steps[None]:
        yield Call("dynamodb", "confirm", {})
        self.confirmed.append(located)


@dataclass
class Run:
    execute: Callable[[Call], Any]
    steps: FakeSteps = field(default_factory=FakeSteps)
    sent: list[int] = field(default_factory=list)
    cut: int = 0

    async def send(self, count: int, *, held_bytes: int = 1, limit: int = 100) -> None:
        def tasks() -> Iterator[ChunkTask]:
            for number in range(count):
                self.cut += 1
                yield ChunkTask(cast("Any", Plan(number, held_bytes)), None, number)

        sender = TaskSender(self.execute, concurrency=CONCURRENCY, bytes_in_flight=limit)
        async with FileThread() as files:
            await sender.send_all(
                cast("ChunkSteps", self.steps), tasks(), lambda task: self.sent.append(task.number), files
            )


async def at_once(_: Call) -> None:
    await asyncio.sleep(0)


def test_every_chunk_is_sent_and_intents_follow_the_input() -> None:
    run = Run(at_once)
    asyncio.run(run.send(200))
    assert run.steps.recorded == list(range(200))
    assert sorted(run.sent) == sorted(chain(*run.steps.confirmed)) == list(range(200))
    assert len(run.steps.confirmed) <= 200 / batch_size(CONCURRENCY) + 3


def test_the_bytes_between_cutting_and_upload_are_bounded() -> None:
    uploading = most = 0

    async def execute(call: Call) -> None:
        nonlocal uploading, most
        if call.operation == "put":
            uploading += 1
            most = max(most, uploading)
            await asyncio.sleep(0.001)
            uploading -= 1

    run = Run(execute)
    asyncio.run(run.send(20, held_bytes=10, limit=25))
    assert most == 2
    assert len(run.sent) == 20


def test_the_first_error_ends_the_sending_after_the_calls_under_way() -> None:
    under_way = 0

    async def execute(call: Call) -> None:
        nonlocal under_way
        if call.operation == "invoke" and call.params["number"] == 3:
            raise ValueError("refused")
        under_way += 1
        await asyncio.sleep(0.01)
        under_way -= 1

    run = Run(execute)
    with pytest.raises(ValueError, match="refused"):
        asyncio.run(run.send(10_000))
    assert under_way == 0
    assert run.cut < 1_000
    assert 3 not in run.sent
    # What was invoked is confirmed, so that nobody invokes it again.
    assert sorted(run.sent) == sorted(chain(*run.steps.confirmed))
    assert run.sent


def test_a_cancellation_waits_for_the_calls_under_way_and_a_second_one_cancels_them() -> None:
    async def scenario(cancellations: int) -> set[str]:
        begun, release = asyncio.Event(), asyncio.Event()
        ended: set[str] = set()

        async def execute(_: Call) -> None:
            begun.set()
            try:
                await release.wait()
                ended.add("answered")
            except asyncio.CancelledError:
                ended.add("cancelled")
                raise

        run = Run(execute)
        sending = asyncio.create_task(run.send(4))
        await begun.wait()
        for _ in range(cancellations):
            sending.cancel()
            await asyncio.sleep(0.05)
        if cancellations > 1:
            await asyncio.wait([sending], timeout=60)
        assert sending.done() == (cancellations > 1)
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await sending
        return ended

    assert asyncio.run(scenario(1)) == {"answered"}
    assert asyncio.run(scenario(2)) == {"cancelled"}
