from __future__ import annotations

import threading

from tailrace.submit.byte_budget import ByteGate


def test_what_fits_enters_and_what_does_not_waits_until_there_is_room() -> None:
    gate = ByteGate(10)
    gate.enter(6)
    entered = threading.Event()

    def enter() -> None:
        gate.enter(5)
        entered.set()

    waiting = threading.Thread(target=enter)
    waiting.start()
    assert not entered.wait(0.05)
    gate.leave(6)
    assert entered.wait(60)
    waiting.join(60)


def test_something_larger_than_the_gate_enters_alone() -> None:
    gate = ByteGate(10)
    gate.enter(100)
    gate.leave(100)
    gate.enter(1)
