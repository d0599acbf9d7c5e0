"""Work in threads: results in order, a bounded number of pieces, an end that waits for nobody."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from tailrace.scoring.ordered_threads import WINDOW_FACTOR, OrderedThreads


def test_results_come_in_the_order_of_the_work() -> None:
    """The first piece ends last."""
    others_done = threading.Semaphore(0)

    def work(number: int) -> int:
        if number == 0:
            for _ in range(5):
                assert others_done.acquire(timeout=60)
        else:
            others_done.release()
        return number * number

    ended: Future[None] = Future()
    assert list(OrderedThreads(work, 3).results(range(20), ended)) == [number * number for number in range(20)]


def test_pieces_are_taken_as_results_are() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    threads: OrderedThreads[int, int] = OrderedThreads(lambda number: number, 2)
    results = threads.results(items(), Future())
    assert next(results) == 0
    assert len(taken) == WINDOW_FACTOR * 2 + 1


def test_an_end_is_raised_while_a_piece_is_under_way() -> None:
    """Nobody waits for a piece that does not end."""
    release = threading.Event()
    ended: Future[None] = Future()

    def work(number: int) -> int:
        if number == 1:
            ended.set_exception(RuntimeError("the run has ended"))
        release.wait(30)
        return number

    with pytest.raises(RuntimeError, match="has ended"):
        list(OrderedThreads(work, 2).results(range(10), ended))
    release.set()


def test_an_error_of_the_work_is_raised_in_its_place() -> None:
    def work(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        return number

    results = OrderedThreads(work, 2).results(range(10), Future())
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)
