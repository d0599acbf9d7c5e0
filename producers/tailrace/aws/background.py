"""Calls made in a thread while the caller does something else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def in_background(work: Callable[[], T]) -> Callable[[], T]:
    """Start work in a thread; return the function that waits for its result, or raises its error.

    The process does not wait for it at its end.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as exc:  # noqa: BLE001 - raised by `result`
            future.set_exception(exc)

    threading.Thread(target=run, name="tailrace-lookup", daemon=True).start()
    return future.result
