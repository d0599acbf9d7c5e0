from __future__ import annotations

import threading

from tailrace.submit.byte_budget import ByteBudget


def test_what_fits_enters_and_what_does_not_waits_until_there_is_room() -> None:
    budget = ByteBudget(10)
    budget.acquire(6)
    entered = threading.Event()

    def acquire() -> None:
        budget.acquire(5)
        entered.set()

    waiting = threading.Thread(target=acquire)
    waiting.start()
    assert not entered.wait(0.05)
    budget.release(6)
    assert entered.wait(60)
    waiting.join(60)


def test_something_larger_than_the_budget_enters_alone() -> None:
    budget = ByteBudget(10)
    budget.acquire(100)
    budget.release(100)
    budget.acquire(1)
