"""Callers that act at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tests.integration.core.ledgers.examples import T


def race(attempts: int, act: Callable[[int], T]) -> list[T]:
    """Run ``act`` in ``attempts`` threads at the same moment; return their results."""
    barrier, outcomes = threading.Barrier(attempts, timeout=30), list[T]()

    def one(index: int) -> None:
        barrier.wait()
        outcomes.append(act(index))

    threads = [threading.Thread(target=one, args=(index,)) for index in range(attempts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(outcomes) == attempts
    return outcomes
