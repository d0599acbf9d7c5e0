"""The verdict on a world at rest, in the words of Jepsen's total-queue: ok, lost, duplicated, unexpected, recovered."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass, field

from tailrace_core import keys
from tailrace_core.checksums import checksum
from tailrace_core.errors import TailraceError
from tailrace_core.events import JobFinished, PartReady, decode_published
from tailrace_core.jobs import Chunk, ChunkState, JobState
from tailrace_core.ranges import first_gap
from tests.faults.dataset import Dataset
from tests.faults.functions import CONSUMERS
from tests.faults.memory_aws import cloud as names
from tests.faults.world import World


@dataclass
class Report:
    """Rows of one job as a receiver of its events sees them, repetitions dropped."""

    submitted: int
    ok: int = 0
    lost: int = 0
    duplicated: int = 0
    unexpected: int = 0
    recovered: int = 0
    """Rows (all of them ok) that took more than one attempt, or whose event came more than once."""
    cancelled: int = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        counts = (
            f"submitted {self.submitted} ok {self.ok} lost {self.lost} duplicated {self.duplicated} "
            f"unexpected {self.unexpected} recovered {self.recovered} cancelled {self.cancelled}"
        )
        return "\n".join([counts, *self.faults[:10]])


def check(world: World, job_id: str, data: Dataset, *, expected: JobState | None = None) -> Report:
    """Raise AssertionError, with the report, unless the job came out as it has to."""
    report = Report(len(data.rows))
    _check_ledger(world, job_id, data, expected, report)
    _check_parts(world, job_id, data, report)
    _check_events(world, job_id, data, report)
    _check_rest(world, report)
    assert not report.faults, str(report)
    assert report.ok + report.cancelled == report.submitted, str(report)
    return report


def _check_ledger(world: World, job_id: str, data: Dataset, expected: JobState | None, report: Report) -> None:
    job = world.job(job_id)
    wanted = expected or data.final_state
    if job.state is not wanted:
        report.faults.append(f"the job is {job.state} ({job.reason}), not {wanted}")
    leaves = world.leaves(job_id)
    gap = first_gap((each.range for each in leaves), len(data.rows))
    if gap is not None:
        report.faults.append(f"ledger: {gap}")
    report.cancelled = sum(each.range.rows for each in leaves if each.state is ChunkState.CANCELLED)
    if report.cancelled and wanted.value.startswith("completed"):
        report.faults.append(f"{report.cancelled} rows cancelled in a job that completed")
    if any(each.state is ChunkState.OPEN for each in leaves):
        report.faults.append("a final job has open chunks")


def _check_parts(world: World, job_id: str, data: Dataset, report: Report) -> None:
    for chunk in world.leaves(job_id):
        if chunk.state is ChunkState.CANCELLED:
            continue
        _check_part(world, chunk, data, report)
    objects = world.cloud.s3
    report.faults += [f"{key} was overwritten" for key in objects.overwritten if "/parts/" in key]
    if not _may_leave_uploads(world):
        report.faults += [f"upload {name} was left behind" for name in objects.uploads]
    if world.job(job_id).state in {JobState.COMPLETED, JobState.COMPLETED_WITH_REJECTS}:
        try:
            _check_download(world, job_id, data, report)
        except TailraceError as exc:
            report.faults.append(f"the result cannot be had: {exc}")


def _may_leave_uploads(world: World) -> bool:
    """Whether somebody died over one, or was not told of it, or could not abort it: the bucket's rule takes those."""
    broken = {world.schedule.calls[fault.at].removeprefix("s3.") for fault in world.schedule.fired}
    return world.functions.deaths > 0 or bool(broken & {"create_multipart_upload", "abort_multipart_upload"})


def _check_download(world: World, job_id: str, data: Dataset, report: Report) -> None:
    result = io.BytesIO()
    with world.reader() as client:
        client.download(job_id, result)
        rejected = [(each.row, each.record) for each in client.rejects(job_id)]
    if result.getvalue() != data.result:
        report.faults.append("the downloaded result is not the model's answers in order")
    if rejected != data.rejected:
        report.faults.append(f"rejected were {rejected[:5]}, bad are {data.rejected[:5]}")


def _check_part(world: World, chunk: Chunk, data: Dataset, report: Report) -> None:
    stored = world.cloud.s3.objects.get(keys.part_key(chunk.job_id, chunk.range))
    if stored is None:
        report.faults.append(f"{chunk.range.name} is {chunk.state} and has no part")
        return
    if stored.body != data.part(chunk.range):
        report.faults.append(
            f"the part {chunk.range.name} is {stored.body[:80]!r}, not {data.part(chunk.range)[:80]!r}"
        )
    if chunk.part_checksum != checksum(stored.body) or chunk.part_bytes != len(stored.body):
        report.faults.append(f"the ledger's checksum of {chunk.range.name} is not its part's")
    bad = sum(data.rows[row].bad for row in range(chunk.range.first_row, chunk.range.end))
    if chunk.rejected != bad:
        report.faults.append(f"{chunk.range.name} counts {chunk.rejected} rejected rows, {bad} are bad")


def _check_events(world: World, job_id: str, data: Dataset, report: Report) -> None:
    parts: dict[str, list[PartReady]] = {}
    ends: list[JobFinished] = []
    for message in world.cloud.sns.published.get(names.RESULTS_TOPIC, ()):
        event = decode_published(message)
        if event.job_id != job_id:
            continue
        if isinstance(event, PartReady):
            parts.setdefault(event.event_id, []).append(event)
        else:
            ends.append(event)
    leaves = {each.range: each for each in world.leaves(job_id)}
    covered: Counter[int] = Counter()
    for copies in parts.values():
        first = copies[0]
        rows = range(first.first_row, first.first_row + first.rows)
        covered.update(rows)
        chunk = next((each for each in leaves.values() if each.range.first_row == rows.start), None)
        if chunk is None or chunk.range.rows != first.rows:
            report.unexpected += first.rows
            report.faults.append(f"{first.event_id} reports on a range that is none of the job's leaves")
            continue
        if chunk.state is not ChunkState.CANCELLED:
            _check_copies(world, chunk, copies, report)
            if len(copies) > 1 or chunk.attempt > 1:
                report.recovered += first.rows
    for row in range(len(data.rows)):
        count = covered[row]
        cancelled = (
            any(
                each.state is ChunkState.CANCELLED and each.range.first_row <= row < each.range.end
                for each in leaves.values()
            )
            if report.cancelled
            else False
        )
        report.ok += count == 1 and not cancelled
        report.lost += count == 0 and not cancelled
        report.duplicated += count > 1
    if report.lost or report.duplicated:
        report.faults.append(f"events: {report.lost} rows lost, {report.duplicated} rows twice")
    _check_ends(world, job_id, ends, report)


def _check_copies(world: World, chunk: Chunk, copies: list[PartReady], report: Report) -> None:
    stored = world.cloud.s3.objects[keys.part_key(chunk.job_id, chunk.range)]
    said = {each.model_dump_json(exclude={"received_at", "completed_at"}) for each in copies}
    if len(said) > 1:
        report.faults.append(f"{copies[0].event_id} says different things: {said}")
    for each in copies:
        if each.checksum != checksum(stored.body) or each.rejected != chunk.rejected:
            report.faults.append(f"{each.event_id} does not describe its part")
        if each.body is not None and each.body.encode() != stored.body:
            report.faults.append(f"{each.event_id} carries other bytes than its part")


def _check_ends(world: World, job_id: str, ends: list[JobFinished], report: Report) -> None:
    job = world.job(job_id)
    if not ends:
        report.faults.append("JobFinished was never published")
    if len({each.to_json() for each in ends}) > 1:
        report.faults.append(f"JobFinished says different things: {ends}")
    for each in ends:
        if (each.state, each.rows_total, each.rows_scored) != (job.state, job.rows_total, job.rows_scored):
            report.faults.append(f"JobFinished says {each}, the job is {job}")
    if keys.manifest_key(job_id) not in world.cloud.s3.objects:
        report.faults.append("there is no manifest")


def _check_rest(world: World, report: Report) -> None:
    report.faults += [f"{role} raised {exc!r}" for role, exc in world.functions.unforeseen]
    for queue, _ in CONSUMERS.values():
        left = world.cloud.queue(queue).messages
        dead = world.cloud.queue(f"{queue}-dead").messages
        report.faults += [f"left in {queue}: {each.body}" for each in left.values()]
        report.faults += [f"dead letter of {queue}: {each.body[:200]}" for each in dead.values()]
    if world.endpoint.backlog:
        report.faults.append("left in flight at the endpoint")
