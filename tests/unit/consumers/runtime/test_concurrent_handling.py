"""`handle_concurrently`: each item once, bounded threads, no lost exception, no endless wait."""

from __future__ import annotations

import threading
from concurrent.futures import Executor, ThreadPoolExecutor
from threading import Barrier, Event, Lock, Thread, current_thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_consumers.runtime.batches import handle_concurrently
from tests.unit.consumers.threads import LIMIT_S, RAISED, bounded


class ConcurrencyCounter:
    """Counts the calls in progress and keeps their maximum."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0
        self.most = 0
        self.seen: list[int] = []

    def enter(self, item: int) -> None:
        with self._lock:
            self._inside += 1
            self.most = max(self.most, self._inside)
            self.seen.append(item)

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1


class LimitedPool(ThreadPoolExecutor):
    """A pool of a process that can start ``available`` threads and no more."""

    def __init__(self, available: int) -> None:
        super().__init__(4)
        self._available = available

    def _adjust_thread_count(self) -> None:
        if len(self._threads) >= self._available:
            raise RuntimeError("can't start new thread")
        super()._adjust_thread_count()


@given(count=st.integers(0, 12), concurrency=st.integers(1, 6))
def test_each_item_is_handled_once_and_never_more_at_once(count: int, concurrency: int) -> None:
    counter = ConcurrencyCounter()

    def handle(item: int) -> None:
        counter.enter(item)
        counter.leave()

    bounded(lambda: handle_concurrently(handle, range(count), concurrency=concurrency))
    assert sorted(counter.seen) == list(range(count))
    assert counter.most <= concurrency


@pytest.mark.parametrize("concurrency", [2, 4])
def test_as_many_as_allowed_are_handled_at_once(concurrency: int) -> None:
    together = Barrier(concurrency)
    # Each waits for all that are allowed at once: with fewer, the barrier would break.
    bounded(
        lambda: handle_concurrently(lambda _: together.wait(LIMIT_S), range(3 * concurrency), concurrency=concurrency)
    )


def test_one_thread_handles_items_in_their_order() -> None:
    seen: list[int] = []
    bounded(lambda: handle_concurrently(seen.append, range(50), concurrency=1))
    assert seen == list(range(50))


def test_no_thread_is_left_behind() -> None:
    before = threading.active_count()
    handle_concurrently(lambda _: None, range(9), concurrency=4)
    assert threading.active_count() <= before


@pytest.mark.parametrize("available", [0, 1])
def test_all_items_are_handled_when_the_process_can_start_no_thread(available: int) -> None:
    threads: list[Thread] = []
    done: list[int] = []

    def handle(item: int) -> None:
        threads.append(current_thread())
        done.append(item)

    caller: list[Thread] = []

    def act() -> None:
        caller.append(current_thread())
        handle_concurrently(handle, range(9), concurrency=4, make_pool=lambda _: LimitedPool(available))

    bounded(act)
    assert sorted(done) == list(range(9))
    assert len(set(threads) - {caller[0]}) <= available


@pytest.mark.parametrize("error", RAISED)
@pytest.mark.parametrize("at", [0, 1])
def test_an_exception_is_raised_when_the_calls_in_progress_have_ended(error: type[BaseException], at: int) -> None:
    began, raised = Barrier(2), Event()
    done: list[str] = []

    def handle(item: int) -> None:
        began.wait(LIMIT_S)
        if item == at:
            raised.set()
            raise error
        # The other call has raised; this one continues to its end.
        assert raised.wait(LIMIT_S)
        done.append("in progress")

    with pytest.raises(error):
        bounded(lambda: handle_concurrently(handle, range(2), concurrency=2))
    assert done == ["in progress"]


@pytest.mark.parametrize("error", RAISED)
def test_no_item_is_begun_after_an_exception(error: type[BaseException]) -> None:
    begun: list[int] = []

    def handle(item: int) -> None:
        begun.append(item)
        raise error

    with pytest.raises(error):
        bounded(lambda: handle_concurrently(handle, range(100), concurrency=4))
    assert len(begun) <= 4


@pytest.mark.parametrize("error", RAISED)
@pytest.mark.parametrize("available", [0, 1])
def test_no_item_is_begun_after_an_exception_without_threads_either(error: type[BaseException], available: int) -> None:
    begun: list[int] = []

    def handle(item: int) -> None:
        begun.append(item)
        raise error

    with pytest.raises(error):
        bounded(
            lambda: handle_concurrently(handle, range(9), concurrency=4, make_pool=lambda _: LimitedPool(available))
        )
    assert begun == [0]


def test_no_item_is_begun_after_the_caller_was_interrupted() -> None:
    """A signal may interrupt the main thread: here while it submits, with one item in progress."""
    taken, go_on = Event(), Event()
    begun: list[int] = []
    pools: list[ThreadPoolExecutor] = []

    class InterruptedPool(ThreadPoolExecutor):
        def _adjust_thread_count(self) -> None:
            if self._threads:
                assert taken.wait(LIMIT_S)
                raise KeyboardInterrupt
            super()._adjust_thread_count()

        def __exit__(self, *_: object) -> None:
            """Leave without waiting, as a join that is interrupted does."""

    def handle(item: int) -> None:
        begun.append(item)
        taken.set()
        assert go_on.wait(LIMIT_S)

    def make(concurrency: int) -> Executor:
        pools.append(InterruptedPool(concurrency))
        return pools[0]

    with pytest.raises(KeyboardInterrupt):
        handle_concurrently(handle, range(9), concurrency=3, make_pool=make)
    go_on.set()
    bounded(pools[0].shutdown)
    assert begun == [0]
