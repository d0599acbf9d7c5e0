"""The window: a bound on a job's chunks in flight, so that a big job leaves room for others.

The producer invokes the first chunks, as many as the window holds, and records the others as
waiting. After settling a chunk, a consumer claims and invokes the next waiting chunks that fit the
window. It claims them in the order of the rows, several at a time: a chunk that waited costs a
fraction of a call more than one that did not.
"""

from __future__ import annotations

from tailrace_core.jobs.model import Job

MAX_CLAIMED = 10
"""Most chunks in one claim: the claiming function has to acknowledge its message in time."""
_SHARE = 8
"""A claim takes at most the window divided by this, so that the window stays nearly full."""


def must_wait(number: int, window: int) -> bool:
    """Tell whether chunk ``number`` of a job (from 0) has to wait; none does if window is 0."""
    return 0 < window <= number


def claim_size(window: int) -> int:
    """Return the number of waiting chunks that one claim starts."""
    return max(1, min(MAX_CLAIMED, window // _SHARE))


def should_claim(number: int, window: int) -> bool:
    """Tell whether the producer tries a claim after it recorded chunk ``number`` as waiting.

    All chunks in flight may have been settled before the first waiting one was recorded; no
    consumer would claim it then.
    """
    return (number - window + 1) % claim_size(window) == 0


def claimable_chunks(job: Job, window: int) -> int:
    """Return the number of waiting chunks to claim now: a full claim, the last few, or none."""
    count = min(claim_size(window), job.chunks_waiting)
    fits = job.chunks_in_flight + count <= window
    return count if fits and job.state.accepts_results else 0
