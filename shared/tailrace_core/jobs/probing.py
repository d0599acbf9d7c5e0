"""Probing: single rows are tried alone to tell bad rows from an endpoint that is down.

A chunk whose attempts ran out in server errors, while nothing else of its job was scored, says
nothing about its rows. A *probe* separates one row from the rest. If that row is scored, the
endpoint works, and the rest is isolated as bad data. If not, another probe follows, `MAX_PROBES` in
a row at most. Meanwhile the rest, and every other chunk in the same state, is held: it waits in the
retries queue and costs no invocation. If no probe is scored, all of them are parked.

A single row, or a chunk that the spent budget leaves whole, is rejected only if the endpoint worked
after it had failed. Where nothing else of the job is left to show that, a *control* does: a chunk
that was scored before is invoked again. It stays settled, and its answer is only counted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from enum import StrEnum

from tailrace_core.jobs.model import Chunk, ChunkState, Job
from tailrace_core.jobs.ranges import RowRange

MAX_PROBES = 4
"""Most probes of a job without a row scored in between: an outage costs as many rows a few
attempts, however large the job is."""
CHUNKS_PER_PROBE = 2
"""A probe makes two chunks: the row, and the rest."""


CONTROL_ATTEMPTS = 900_000
"""Controls are numbered like attempts, from here on: no chunk has so many attempts."""
CONTROL_WAIT_S = 1_800.0
"""Time after which a control without an answer is given up; another one may follow."""


class HeldStep(StrEnum):
    """Next step for a chunk whose attempts ran out without a sign that the endpoint works."""

    INVOKE = "invoke"
    """Invoke it again: a row was scored meanwhile, or its failure will start the next probe."""
    HOLD = "hold"
    """Wait for the outcome of a probe."""
    PARK = "park"
    """No probe was scored, and none is left: an operator decides."""


def probes_made(job: Job) -> int:
    """Return the number of probes since a row of the job was last scored."""
    return 0 if _new_series(job) else len(job.probed) // CHUNKS_PER_PROBE


def may_probe(job: Job) -> bool:
    """Return whether the job may try another row alone."""
    return probes_made(job) < MAX_PROBES


def may_separate(job: Job) -> bool:
    """Return whether the job may try a row of a chunk alone, which takes a split."""
    return job.split_budget > 0 and may_probe(job)


def with_probe(job: Job, left: RowRange, right: RowRange) -> Job:
    """Return the job with one more probe recorded: the two chunks that its split makes."""
    if _new_series(job):
        return dataclasses.replace(job, probed=(left, right), probed_since=job.answers)
    return dataclasses.replace(job, probed=(*job.probed, left, right))


def with_control(job: Job, rows: RowRange, now: float) -> Job:
    """Return the job with one more control recorded; it counts as a probe."""
    return dataclasses.replace(with_probe(job, rows, rows), controls_sent=job.controls_sent + 1, controlled_at=now)


def control_under_way(job: Job, now: float) -> bool:
    """Return whether a control may still be answered."""
    return _control_unanswered(job) and now < (job.controlled_at or 0.0) + CONTROL_WAIT_S


def may_repeat_control(job: Job, now: float) -> bool:
    """Return whether another control may follow one that was given up.

    Its answer, or the notification of it, was lost.
    """
    return _control_unanswered(job) and not control_under_way(job, now) and may_probe(job)


def held_step(job: Job, chunk: Chunk, scored_before: int, probed: Iterable[Chunk], now: float) -> HeldStep:
    """Decide on a chunk whose attempts ran out.

    Args:
        job: Its job.
        chunk: The chunk; it is open.
        scored_before: The job's ``answers`` when it was held.
        probed: The chunks of ``job.probed`` that exist.
        now: Seconds since the epoch.
    """
    if job.answers > scored_before:
        return HeldStep.INVOKE
    if control_under_way(job, now):
        return HeldStep.HOLD
    others = [each for each in probed if each.range != chunk.range and _undecided(each)]
    if not all(_held(each) for each in others):
        return HeldStep.HOLD
    if _goes_on(job, chunk):
        return HeldStep.INVOKE
    return HeldStep.HOLD if any(_goes_on(job, each) for each in others) else HeldStep.PARK


def _control_unanswered(job: Job) -> bool:
    return job.controls_sent > max(job.controls_scored, job.controls_failed)


def _new_series(job: Job) -> bool:
    return job.probed_since is None or job.answers > job.probed_since


def _undecided(chunk: Chunk) -> bool:
    return chunk.state is ChunkState.OPEN and not chunk.parked


def _goes_on(job: Job, chunk: Chunk) -> bool:
    """Return whether it was never tried as it is now, or its failure starts another probe."""
    return not chunk.invoked or (chunk.rows_sent > 1 and may_separate(job))


def _held(chunk: Chunk) -> bool:
    return chunk.retry is not None and chunk.retry.held
