"""What is left of a deployed job, fetched as its people would, and the verdict on it."""

from __future__ import annotations

import io

from tailrace_core.jobs.model import EARLY_ENDS, ChunkState, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.objects import keys
from tests.faults.deployed.passing_time import Watch
from tests.faults.deployed.queues import Queues
from tests.faults.expectation import Expectation
from tests.faults.verdict import Ending, Report, judge


def check(watch: Watch, queues: Queues, job_id: str, data: Expectation, *, expected: JobState | None = None) -> Report:
    """Raise AssertionError, with the report, unless the job came out as it has to."""
    report = judge(ending(watch, queues, job_id), data, expected)
    report.require_right()
    return report


def ending(watch: Watch, queues: Queues, job_id: str) -> Ending:
    """What is left of a job in its final state."""
    job = watch.client.status(job_id)
    leaves = sorted((each for each in watch.chunks(job_id) if each.state.leaf), key=lambda each: each.range)
    result, rejected = None, None
    if job.state not in EARLY_ENDS:
        file = io.BytesIO()
        watch.client.download(job_id, file)
        result, rejected = file.getvalue(), [(each.row, each.record) for each in watch.client.rejects(job_id)]
    return Ending(
        job=job,
        leaves=leaves,
        parts={
            each.range: _part(watch, job_id, each.range) for each in leaves if each.state is not ChunkState.CANCELLED
        },
        events=queues.published(job_id),
        has_manifest=watch.client.manifest(job_id).job_id == job_id,
        result=result,
        rejected=rejected,
    )


def _part(watch: Watch, job_id: str, rows: RowRange) -> bytes:
    bucket, key = watch.cloud.outputs["Bucket"], keys.part_key(job_id, rows)
    body: bytes = watch.cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return body
