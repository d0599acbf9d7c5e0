from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.records.ahead import worked_ahead


@pytest.fixture(scope="module")
def helper() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


class BrokenError(Exception):
    """Raised by an item, or by the work on it."""


def outcome(items: int, breaks: int | None, fails: frozenset[int], helper: ThreadPoolExecutor | None) -> list[object]:
    """Return what is yielded, and the error at the end."""

    def made() -> Iterator[int]:
        for item in range(items):
            if item == breaks:
                raise BrokenError(f"item {item}")
            yield item

    def work(item: int) -> int:
        if item in fails:
            raise BrokenError(f"work {item}")
        return item * item

    seen: list[object] = []
    try:
        seen += worked_ahead(made(), work, helper)
    except BrokenError as error:
        seen.append(str(error))
    return seen


@given(st.integers(0, 6), st.integers(0, 6) | st.none(), st.frozensets(st.integers(0, 5), max_size=2))
def test_results_and_errors_come_in_the_order_of_the_items(
    helper: ThreadPoolExecutor, items: int, breaks: int | None, fails: frozenset[int]
) -> None:
    assert outcome(items, breaks, fails, helper) == outcome(items, breaks, fails, None)


def test_an_item_is_worked_on_while_the_next_one_is_made(helper: ThreadPoolExecutor) -> None:
    begun = Event()

    def made() -> Iterator[int]:
        yield 1
        assert begun.wait(10)
        yield 2

    def work(item: int) -> int:
        begun.set()
        return item

    assert list(worked_ahead(made(), work, helper)) == [(1, 1), (2, 2)]


def test_a_thread_that_does_not_begin_keeps_nobody_waiting() -> None:
    free = Event()
    with ThreadPoolExecutor(1) as busy:
        busy.submit(free.wait, 10)
        try:
            assert list(worked_ahead(range(3), str, busy)) == [(0, "0"), (1, "1"), (2, "2")]
            assert not free.is_set()
        finally:
            free.set()
