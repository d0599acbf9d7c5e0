"""`consume`, sync and async, over a queue in memory."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tailrace.operations.results.async_consuming import stopping_at_loop_signals
from tailrace.operations.results.consuming import stopping_at_signals
from tailrace.operations.results.once import BeingHandledError, OnceTable
from tailrace.operations.results.opening import consumer_options
from tailrace.operations.results.reading import ReaderCounts, retry_delay_s
from tailrace_core.errors import InputError
from tailrace_core.messages.events import PartReady
from tests.unit.producer.operations.results.bench import Bench

Consume = Callable[..., ReaderCounts]


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture(params=["sync", "async"])
def consume(request: pytest.FixtureRequest, bench: Bench) -> Consume:
    """A function that consumes with a sync handler and returns the counts."""

    def run_async(handler: Callable[[PartReady], object], **options: Any) -> ReaderCounts:
        async def awaited(event: PartReady) -> None:
            await asyncio.sleep(0)
            handler(event)

        return asyncio.run(bench.async_consumer(awaited, **options).run())

    return run_async if request.param == "async" else lambda handler, **o: bench.consumer(handler, **o).run()


def test_each_event_is_handled_and_acknowledged(bench: Bench, consume: Consume) -> None:
    bench.send(*range(20))
    done: list[str] = []
    counts = consume(lambda event: done.append(event.event_id))
    assert sorted(done) == sorted(bench.ids(*range(20)))
    assert (counts.acknowledged, bench.left) == (20, [])


def test_an_exception_hands_the_event_back_later_and_later(bench: Bench, consume: Consume) -> None:
    bench.send(*range(10))
    done: list[str] = []

    def handle(event: PartReady) -> None:
        if event.first_row == 0:
            raise ValueError("the poison")
        done.append(event.event_id)

    delays = []
    for _ in range(5):
        consume(handle)
        delays.append(bench.left[0] - bench.clock())
        bench.clock.advance(900)
    consume(handle)
    assert delays == [5, 10, 20, 40, 80]
    assert sorted(done) == sorted(bench.ids(*range(1, 10)))
    assert (bench.left, len(bench.dead.messages)) == ([], 1)


def test_nothing_is_received_that_no_worker_is_free_for(bench: Bench) -> None:
    bench.send(*range(12))
    most, busy, lock = [0], [0], threading.Lock()
    gate = threading.Barrier(3, timeout=60)

    def handle(_: PartReady) -> None:
        with lock:
            busy[0] += 1
            most[0] = max(most[0], bench.hidden)
        gate.wait()
        with lock:
            busy[0] -= 1

    counts = bench.consumer(handle, workers=3).run()
    assert counts.acknowledged == 12
    assert most[0] <= 3
    assert max(bench.asked) <= 3


def test_stopping_finishes_what_runs_and_takes_no_more(bench: Bench) -> None:
    bench.send(*range(5))
    done: list[str] = []

    def handle(event: PartReady) -> None:
        consumer.stop()
        done.append(event.event_id)

    consumer = bench.consumer(handle, workers=1, follow=True)
    consumer.run()
    assert len(done) == 1
    assert (len(bench.left), bench.hidden) == (4, 0)


def test_stopping_the_async_one_finishes_what_runs_and_takes_no_more(bench: Bench) -> None:
    bench.send(*range(5))
    done: list[str] = []

    async def handle(event: PartReady) -> None:
        consumer.stop()
        await asyncio.sleep(0)
        done.append(event.event_id)

    consumer = bench.async_consumer(handle, workers=1, follow=True)
    asyncio.run(consumer.run())
    assert len(done) == 1
    assert (len(bench.left), bench.hidden) == (4, 0)


def test_cancelling_the_async_one_releases_what_it_holds(bench: Bench) -> None:
    bench.send(*range(3))

    async def cancel() -> None:
        started = asyncio.Event()

        async def handle(_: PartReady) -> None:
            started.set()
            await asyncio.Event().wait()

        running = asyncio.create_task(bench.async_consumer(handle, follow=True).run())
        await started.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(cancel())
    assert (len(bench.left), bench.hidden) == (3, 0)


def test_what_ends_a_worker_ends_the_consumer(bench: Bench) -> None:
    bench.send(1)

    def leave(_: PartReady) -> None:
        raise SystemExit(3)

    consumer = bench.consumer(leave, follow=True)
    with pytest.raises(SystemExit):
        consumer.run()
    assert (len(bench.left), bench.hidden) == (1, 0)


def test_the_first_signal_stops_and_the_next_acts_as_before() -> None:
    before = signal.getsignal(signal.SIGTERM)
    stops: list[int] = []
    with stopping_at_signals(lambda: stops.append(1)):
        os.kill(os.getpid(), signal.SIGTERM)
        assert stops == [1]
        assert signal.getsignal(signal.SIGTERM) is before
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_first_signal_stops_a_loop_too() -> None:
    before = signal.getsignal(signal.SIGTERM)

    async def run() -> None:
        stopped = asyncio.Event()
        with stopping_at_loop_signals(stopped.set):
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(stopped.wait(), 60)
            assert signal.getsignal(signal.SIGTERM) is before

    asyncio.run(run())


def test_workers_are_bounded() -> None:
    with pytest.raises(InputError, match="workers is 0"):
        consumer_options(0)
    assert consumer_options(50).prefetch == 10


def test_delays_grow_to_a_quarter_of_an_hour() -> None:
    assert [retry_delay_s(receives) for receives in (1, 2, 3, 9, 100)] == [5, 10, 20, 900, 900]


class Layer:
    """A persistence layer in memory, shared by processes."""

    def __init__(self) -> None:
        self.records: dict[str, str] = {}

    def save_inprogress(self, data: Any, remaining_time_in_millis: int | None = None) -> None:
        from aws_lambda_powertools.utilities.idempotency.exceptions import (  # noqa: PLC0415 - as the layer itself
            IdempotencyItemAlreadyExistsError,
        )
        from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import DataRecord  # noqa: PLC0415

        assert remaining_time_in_millis == 3600 * 1000
        if status := self.records.get(data["event_id"]):
            record = DataRecord(idempotency_key=data["event_id"], status=status)
            raise IdempotencyItemAlreadyExistsError(old_data_record=record)
        self.records[data["event_id"]] = "INPROGRESS"

    def save_success(self, data: Any, result: Any) -> None:
        assert result == {}
        self.records[data["event_id"]] = "COMPLETED"

    def delete_record(self, data: Any, exception: Exception) -> None:
        assert isinstance(exception, ValueError)
        del self.records[data["event_id"]]


@pytest.fixture
def layer() -> Layer:
    return Layer()


def test_an_event_that_was_handled_elsewhere_is_acknowledged_only(bench: Bench, consume: Consume, layer: Layer) -> None:
    done: list[str] = []
    for _ in range(2):
        bench.send(1)
        consume(lambda event: done.append(event.event_id), once=OnceTable(layer, max_hold_s=3600))
    assert (done, bench.left) == (bench.ids(1), [])


def test_an_event_that_failed_is_handled_again(bench: Bench, consume: Consume, layer: Layer) -> None:
    bench.send(1)
    done: list[int] = []

    def handle(_: PartReady) -> None:
        done.append(1)
        if len(done) == 1:
            raise ValueError("the first time")

    for _ in range(2):
        consume(handle, once=OnceTable(layer, max_hold_s=3600))
        bench.clock.advance(10)
    assert (len(done), bench.left) == (2, [])


def test_an_event_in_work_elsewhere_comes_again_before_its_receives_are_spent(
    bench: Bench, consume: Consume, layer: Layer
) -> None:
    bench.send(1)
    layer.records[bench.ids(1)[0]] = "INPROGRESS"
    consume(lambda _: pytest.fail("it is another's"), once=OnceTable(layer, max_hold_s=3600))
    assert bench.left == [bench.clock() + 1200]
    with pytest.raises(BeingHandledError, match="1200 s"):
        OnceTable(layer, max_hold_s=3600).begin(bench.ids(1)[0])
