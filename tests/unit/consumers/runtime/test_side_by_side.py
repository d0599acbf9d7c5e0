"""Several things at once: each is done once, nothing is lost when something is raised, and nobody waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from threading import Barrier, Event, Lock, Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_consumers.runtime.side_by_side import side_by_side
from tests.unit.consumers.threads import LIMIT_S, RAISED, bounded


class Crowd:
    """Counts who is in, and how many were at most."""

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


@given(count=st.integers(0, 12), concurrency=st.integers(1, 6))
def test_each_is_done_once_and_never_more_at_once(count: int, concurrency: int) -> None:
    crowd = Crowd()

    def do(item: int) -> None:
        crowd.enter(item)
        crowd.leave()

    bounded(lambda: side_by_side(do, range(count), concurrency=concurrency))
    assert sorted(crowd.seen) == list(range(count))
    assert crowd.most <= concurrency


@pytest.mark.parametrize("concurrency", [2, 4])
def test_so_many_are_done_at_once(concurrency: int) -> None:
    together = Barrier(concurrency)
    # Each waits for as many as there may be: were they fewer, it would break.
    bounded(lambda: side_by_side(lambda _: together.wait(LIMIT_S), range(3 * concurrency), concurrency=concurrency))


def test_one_alone_takes_no_thread() -> None:
    def none(_: object) -> Thread:
        raise AssertionError("a thread was made")

    where: list[Thread] = []
    for count, concurrency in ((0, 4), (1, 4), (5, 1)):
        side_by_side(
            lambda _: where.append(threading.current_thread()), range(count), concurrency=concurrency, make_thread=none
        )
    assert where == [threading.current_thread()] * 6


@pytest.mark.parametrize("to_be_had", [0, 1])
def test_all_are_done_when_threads_are_not_to_be_had(to_be_had: int) -> None:
    class Refused(Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    made: list[Thread] = []

    def make(work: Callable[[], None]) -> Thread:
        made.append(Thread(target=work) if len(made) < to_be_had else Refused(target=work))
        return made[-1]

    done: list[int] = []
    bounded(lambda: side_by_side(done.append, range(9), concurrency=4, make_thread=make))
    assert sorted(done) == list(range(9))
    assert len(made) == to_be_had + 1


@pytest.mark.parametrize("error", RAISED)
@pytest.mark.parametrize("by_caller", [True, False])
def test_what_is_raised_is_raised_when_all_that_is_under_way_is_done(
    error: type[BaseException], *, by_caller: bool
) -> None:
    began, raised = Barrier(2), Event()
    done: list[str] = []
    caller: list[Thread] = []

    def do(_: int) -> None:
        began.wait(LIMIT_S)
        if (threading.current_thread() is caller[0]) is by_caller:
            raised.set()
            raise error
        # The other one has raised, and this goes on to its end.
        assert raised.wait(LIMIT_S)
        done.append("under way")

    def act() -> None:
        caller.append(threading.current_thread())
        side_by_side(do, range(2), concurrency=2)

    with pytest.raises(error):
        bounded(act)
    assert done == ["under way"]


@pytest.mark.parametrize("error", RAISED)
def test_nothing_more_is_begun_once_something_is_raised(error: type[BaseException]) -> None:
    begun: list[int] = []

    def do(item: int) -> None:
        begun.append(item)
        raise error

    with pytest.raises(error):
        bounded(lambda: side_by_side(do, range(100), concurrency=4))
    assert len(begun) <= 4


def test_who_is_interrupted_between_two_things_has_nothing_more_begun() -> None:
    """As the main thread may be by a signal, here while it starts threads."""
    go, over = Event(), Event()
    begun: list[int] = []
    made: list[Thread] = []

    class Interrupted(Thread):
        def start(self) -> None:
            raise KeyboardInterrupt

    def make(work: Callable[[], None]) -> Thread:
        def late() -> None:
            assert go.wait(LIMIT_S)
            work()
            over.set()

        made.append(Interrupted(target=work) if made else Thread(target=late, daemon=True))
        return made[-1]

    with pytest.raises(KeyboardInterrupt):
        side_by_side(begun.append, range(9), concurrency=3, make_thread=make)
    go.set()
    assert over.wait(LIMIT_S)
    assert begun == []
