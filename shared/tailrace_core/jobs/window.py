"""The window: how many chunks of one job are in flight at once, so that a big job leaves room for the others.

The producer has the first chunks invoked, as many as the window holds, and records the others as waiting. Whoever
settles a chunk looks whether the next ones fit: they are started in the order of the rows, some at a time, so that a
chunk that waited costs a fraction of a call more than one that did not.
"""

from __future__ import annotations

from tailrace_core.jobs.model import Job

MAX_CLAIMED = 10
"""How many waiting chunks are started together at most: whoever does it has a message to answer in time."""
_SHARE = 8
"""And no more than this part of the window, so that it stays nearly full."""


def must_wait(number: int, window: int) -> bool:
    """Whether the chunk that is ``number``-th in its job (from 0) has to wait; no window (0), no waiting."""
    return 0 < window <= number


def claim_size(window: int) -> int:
    """How many waiting chunks are started together."""
    return max(1, min(MAX_CLAIMED, window // _SHARE))


def should_claim(number: int, window: int) -> bool:
    """Whether the producer, having recorded the ``number``-th chunk as waiting, looks if some fit.

    All that were in flight may have come to their end before there was one that waited.
    """
    return (number - window + 1) % claim_size(window) == 0


def claimable_chunks(job: Job, window: int) -> int:
    """How many waiting chunks are to be started now: a bundle, the last few, or none."""
    count = min(claim_size(window), job.chunks_waiting)
    fits = job.chunks_in_flight + count <= window
    return count if fits and job.state.accepts_results else 0
