"""The bound on bytes in flight, which keeps memory flat however large the file is."""

from __future__ import annotations

import threading

DEFAULT_BYTES = 40 * 1024 * 1024
"""Room for the default chunks of the default number of threads, or two of 16 MiB.

Includes the memory that chunks take beside their rows.
"""


class ByteBudget:
    """Admits bytes while they fit under the limit.

    Something larger than the limit is admitted alone.
    """

    def __init__(self, limit_bytes: int = DEFAULT_BYTES) -> None:
        self._limit = limit_bytes
        self._held = 0
        self._changed = threading.Condition()

    def acquire(self, size_bytes: int) -> None:
        """Wait until ``size_bytes`` fit.

        The wait is bounded: each call in flight has its own time limit.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._held == 0 or self._held + size_bytes <= self._limit)
            self._held += size_bytes

    def release(self, size_bytes: int) -> None:
        """Release ``size_bytes`` acquired before."""
        with self._changed:
            self._held -= size_bytes
            self._changed.notify_all()
