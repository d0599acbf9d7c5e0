"""Garbage collection while a function starts.

A start allocates a hundred thousand objects that last, botocore's models above all. Python looks through them again and
again for cycles that are not there, which was a fifth of a cold start; a single look at all of them takes 40 ms.
"""

from __future__ import annotations

import gc
from functools import cache

ALLOCATIONS = 200_000
"""So many objects more than were let go make the collector look; more than any function's start makes."""

_USUAL = gc.get_threshold()


def defer_collection() -> None:
    """Let the collector wait."""
    gc.set_threshold(ALLOCATIONS)


@cache
def resume_collection() -> None:
    """Have the collector look as often as ever, but never again at what is there now; once in a process.

    To be called when the first event has been handled: by then all that lasts has been made.
    """
    gc.freeze()
    gc.set_threshold(*_USUAL)
