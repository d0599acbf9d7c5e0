"""Garbage collection during a cold start.

A start allocates a hundred thousand objects that last, most of them botocore's models. Python would
scan them again and again for cycles that do not exist, which took a fifth of a cold start; one scan
of all of them takes 40 ms.
"""

from __future__ import annotations

import gc
from functools import cache

ALLOCATIONS = 200_000
"""Net allocations that trigger a collection: more than any function's start makes."""

_USUAL = gc.get_threshold()


def defer_collection() -> None:
    """Defer collections until `resume_collection`."""
    gc.set_threshold(ALLOCATIONS)


@cache
def resume_collection() -> None:
    """Restore the usual thresholds and exclude all present objects from collection.

    Once in a process.

    Call it after the first event: by then all lasting objects exist.
    """
    gc.freeze()
    gc.set_threshold(*_USUAL)
