"""The pages that change while they are shown: their regions, and the view of each by a snapshot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tailrace.console.snapshot import Snapshot
from tailrace.console.views import happenings
from tailrace.console.views.attention import attention, waiting_for_operator
from tailrace.console.views.progress import Progress, progress
from tailrace.progress.cutting import cutting_text

View = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LivePage:
    """A page of which ``regions`` are replaced when their text changes."""

    regions: tuple[str, ...]
    view: Callable[[Snapshot, Mapping[str, str]], View | None]
    """Returns what the regions show; None when there is no such page."""


def _attention(snapshot: Snapshot, _: Mapping[str, str]) -> View:
    return {"attention": attention(snapshot), "snapshot": snapshot}


def _jobs(snapshot: Snapshot, _: Mapping[str, str]) -> View:
    return {
        "jobs": [_progress(snapshot, job.job_id) for job in snapshot.jobs],
        "names": {job_id: each.shown_name for job_id, each in snapshot.descriptions.items()},
        "snapshot": snapshot,
    }


def _job(snapshot: Snapshot, parameters: Mapping[str, str]) -> View | None:
    found = _progress(snapshot, parameters.get("job", ""))
    if found is None:
        return None
    samples = snapshot.samples.get(found.job.job_id, ())
    points = [(round(each.at, 1), each.settled) for each in samples]
    parked = [each for each in waiting_for_operator(snapshot.parked) if each.job_id == found.job.job_id]
    cutting = snapshot.cuttings.get(found.job.job_id)
    return {
        "progress": found,
        "cutting": None if cutting is None else cutting_text(cutting),
        "points": points,
        "parked": parked,
        "snapshot": snapshot,
    }


def _queues(snapshot: Snapshot, _: Mapping[str, str]) -> View:
    return {"queues": snapshot.queues, "snapshot": snapshot}


def _endpoint(snapshot: Snapshot, _: Mapping[str, str]) -> View:
    running = [job for job in snapshot.jobs if not job.state.final]
    return {
        "endpoint": snapshot.endpoint,
        "in_flight": sum(job.chunks_in_flight for job in running),
        "waiting": sum(job.chunks_waiting for job in running),
        "running": len(running),
        "snapshot": snapshot,
    }


def _events(snapshot: Snapshot, _: Mapping[str, str]) -> View:
    parked = [each.chunk for each in snapshot.parked.chunks if each.chunk is not None]
    return {
        "happenings": happenings.latest(snapshot.jobs, parked),
        "results": snapshot.queues.results,
        "snapshot": snapshot,
    }


def _progress(snapshot: Snapshot, job_id: str) -> Progress | None:
    job = snapshot.job(job_id)
    return None if job is None else progress(job, snapshot.samples.get(job_id, ()), snapshot.at)


LIVE_PAGES: Mapping[str, LivePage] = {
    "attention": LivePage(("attention", "freshness"), _attention),
    "jobs": LivePage(("jobs", "freshness"), _jobs),
    "job": LivePage(("job", "job_points", "freshness"), _job),
    "dead-letters": LivePage(("dead_letters", "freshness"), _queues),
    "endpoint": LivePage(("endpoint", "backlog_points", "freshness"), _endpoint),
    "events": LivePage(("events", "freshness"), _events),
}
