"""Checker of a simulation at rest: checks a job, and that nothing is left behind."""

from __future__ import annotations

import io
from collections.abc import Sequence

from tailrace_core.errors import TailraceError
from tailrace_core.jobs.model import JobState
from tailrace_core.messages.events import JobFinished, PartReady, decode_published
from tailrace_core.objects import keys
from tests.faults.dataset import Dataset
from tests.faults.functions import CONSUMERS
from tests.faults.memory_aws import cloud as names
from tests.faults.simulation import Simulation
from tests.faults.verdict import JobOutcome, Report, judge


def check(sim: Simulation, job_id: str, data: Dataset, *, expected: JobState | None = None) -> Report:
    """Raise AssertionError with the report unless the job ended as expected."""
    faults: list[str] = []
    report = judge(_ending(sim, job_id, faults), data, expected)
    report.faults += faults
    _check_objects(sim, report)
    _check_rest(sim, report)
    report.require_right()
    return report


def _ending(sim: Simulation, job_id: str, faults: list[str]) -> JobOutcome:
    job, leaves, objects = sim.job(job_id), sim.leaves(job_id), sim.cloud.s3.objects
    stored = {each.range: objects.get(keys.part_key(job_id, each.range)) for each in leaves}
    result, rejected = None, None
    if job.state in {JobState.COMPLETED, JobState.COMPLETED_WITH_REJECTS}:
        try:
            result, rejected = _downloaded(sim, job_id)
        except TailraceError as exc:
            faults.append(f"the result cannot be downloaded: {exc}")
    elif job.state is JobState.FAILED and not job.rows_cancelled:
        with sim.reader() as client:
            rejected = [(each.row, each.record) for each in client.rejects(job_id)]
    return JobOutcome(
        job=job,
        leaves=leaves,
        parts={rows: found.body for rows, found in stored.items() if found is not None},
        events=_published(sim, job_id),
        has_manifest=keys.manifest_key(job_id) in objects,
        result=result,
        rejected=rejected,
    )


def _published(sim: Simulation, job_id: str) -> Sequence[PartReady | JobFinished]:
    published = map(decode_published, sim.cloud.sns.published.get(names.RESULTS_TOPIC, ()))
    return [event for event in published if event.job_id == job_id]


def _downloaded(sim: Simulation, job_id: str) -> tuple[bytes, list[tuple[int, bytes]]]:
    result = io.BytesIO()
    with sim.reader() as client:
        client.download(job_id, result)
        return result.getvalue(), [(each.row, each.record) for each in client.rejects(job_id)]


def _check_objects(sim: Simulation, report: Report) -> None:
    objects = sim.cloud.s3
    report.faults += [f"{key} was overwritten" for key in objects.overwritten if "/parts/" in key]
    if not _may_leave_uploads(sim):
        report.faults += [f"upload {name} was left behind" for name in objects.uploads]


def _may_leave_uploads(sim: Simulation) -> bool:
    """Tell whether an upload may remain: its owner died, missed its id, or failed to abort it.

    The bucket's lifecycle rule removes such uploads.
    """
    broken = {sim.schedule.calls[fault.at].removeprefix("s3.") for fault in sim.schedule.fired}
    return sim.functions.deaths > 0 or bool(broken & {"create_multipart_upload", "abort_multipart_upload"})


def _check_rest(sim: Simulation, report: Report) -> None:
    report.faults += [f"{role} raised {exc!r}" for role, exc in sim.functions.unexpected_errors]
    for queue, _ in CONSUMERS.values():
        left = sim.cloud.queue(queue).messages
        dead = sim.cloud.queue(f"{queue}-dead").messages
        report.faults += [f"left in {queue}: {each.body}" for each in left.values()]
        report.faults += [f"dead letter of {queue}: {each.body[:200]}" for each in dead.values()]
    if sim.endpoint.backlog:
        report.faults.append("left in flight at the endpoint")
