"""Calls made in a thread while the caller does something else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def in_background(work: Callable[[], T]) -> Callable[[], T]:
    """Start work in a thread; return the function that waits for its result, or raises its error.

    The process does not wait for it at its end.
    """
    # Not a `concurrent.futures.Future`, whose import takes `logging` along.
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as exc:  # noqa: BLE001 - raised by `result`
            errors.append(exc)

    thread = threading.Thread(target=run, name="tailrace-lookup", daemon=True)

    def result() -> T:
        thread.join()
        for error in errors:
            raise error
        return results[0]

    thread.start()
    return result
