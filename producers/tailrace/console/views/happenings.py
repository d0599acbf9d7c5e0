"""What happened, by the times in the ledger: of one chunk, one job, or all jobs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tailrace_core.jobs.history import HistoryEntry
from tailrace_core.jobs.model import Chunk, ChunkState, Job
from tailrace_core.jobs.reasons import lead

MAX_SHOWN = 200
MAX_POINTS = 600
"""Most points of a chart: more would fall on the same pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One thing that happened."""

    at: float
    what: str
    kind: str
    """Names its colour: ``good``, ``bad``, ``person`` or ``plain``."""
    job_id: str
    range_name: str | None = None
    detail: str = ""
    who: str | None = None


def of_job(job: Job) -> list[Happening]:
    """Return what happened to a job as a whole, oldest first."""
    found = [Happening(at=job.created_at, what="submitted", kind="plain", job_id=job.job_id)]
    found += [_of_entry(entry, job.job_id, None) for entry in job.history]
    if job.finishing_at is not None:
        state = job.final_state
        kind = "good" if state.startswith("completed") else "bad"
        what = state.replace("_", " ")
        found.append(
            Happening(at=job.finishing_at, what=what, kind=kind, job_id=job.job_id, detail=lead(job.reason or ""))
        )
    return sorted(found, key=lambda each: each.at)


def of_chunk(chunk: Chunk) -> list[Happening]:
    """Return a chunk's history and the times of its last attempt, oldest first."""
    job_id, name = chunk.job_id, chunk.range.name
    found = [_of_entry(entry, job_id, name) for entry in chunk.history]
    moments = (
        (chunk.invoked_at, f"attempt {chunk.attempt} invoked", "plain"),
        (chunk.received_at, "the service took the request", "plain"),
        (chunk.completed_at, "the service had the answer", "plain"),
        (chunk.settled_at, str(chunk.state), "bad" if chunk.state is ChunkState.REJECTED else "good"),
    )
    rejected = lead(chunk.reason or "") if chunk.state is ChunkState.REJECTED else ""
    found += [
        Happening(at=at, what=what, kind=kind, job_id=job_id, range_name=name, detail=rejected if kind == "bad" else "")
        for at, what, kind in moments
        if at is not None
    ]
    if chunk.parked and chunk.parked_at is not None and not any(each.what == "parked" for each in chunk.history):
        found.append(
            Happening(
                at=chunk.parked_at,
                what="parked",
                kind="bad",
                job_id=job_id,
                range_name=name,
                detail=lead(chunk.reason or ""),
            )
        )
    return sorted(found, key=lambda each: each.at)


def latest(jobs: Iterable[Job], chunks: Iterable[Chunk]) -> list[Happening]:
    """Return what happened last to jobs and chunks, newest first, at most `MAX_SHOWN`.

    Chunks that were scored without a failure are left out: there may be thousands.
    """
    found = [each for job in jobs for each in of_job(job)]
    for chunk in chunks:
        if chunk.history or chunk.parked:
            found += of_chunk(chunk)
        elif chunk.settled_at is not None and chunk.state is ChunkState.REJECTED:
            found += of_chunk(chunk)[-1:]
    return sorted(found, key=lambda each: -each.at)[:MAX_SHOWN]


def settled_over_time(job: Job, chunks: Sequence[Chunk]) -> list[tuple[float, int]]:
    """Return how many rows were settled by when, by the chunks' times: at most `MAX_POINTS`."""
    ends = sorted((each.settled_at, each.range.rows) for each in chunks if each.settled_at and each.state.leaf)
    if not ends:
        return []
    points, rows = [(job.created_at, 0)], 0
    for at, settled in ends:
        rows += settled
        points.append((at, rows))
    step = -(-len(points) // MAX_POINTS)
    return points[:-1:step] + points[-1:]


def _of_entry(entry: HistoryEntry, job_id: str, name: str | None) -> Happening:
    attempt = "" if entry.attempt is None else f" (attempt {entry.attempt})"
    kind = "person" if entry.who or entry.note else "bad"
    failure = lead(entry.failure) if entry.failure else None
    detail = " — ".join(each for each in (entry.note, failure) if each)
    return Happening(
        at=entry.at,
        what=f"{str(entry.what).replace('_', ' ')}{attempt}",
        kind=kind,
        job_id=job_id,
        range_name=name,
        detail=detail,
        who=entry.who,
    )
