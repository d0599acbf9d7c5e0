"""Outcome of a deployed job, fetched like its users would, and the verdict on it."""

from __future__ import annotations

import io

from tailrace_core.jobs.model import EARLY_ENDS, ChunkState, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.objects import keys
from tests.faults.deployed.cloud_driver import CloudDriver
from tests.faults.deployed.queues import Queues
from tests.faults.expectation import Expectation
from tests.faults.verdict import JobOutcome, Report, judge


def check(
    driver: CloudDriver, queues: Queues, job_id: str, data: Expectation, *, expected: JobState | None = None
) -> Report:
    """Raise AssertionError with the report unless the job ended as expected."""
    report = judge(ending(driver, queues, job_id), data, expected)
    report.require_right()
    return report


def ending(driver: CloudDriver, queues: Queues, job_id: str) -> JobOutcome:
    """Fetch everything that a job in its final state leaves."""
    job = driver.client.status(job_id)
    leaves = sorted((each for each in driver.chunks(job_id) if each.state.leaf), key=lambda each: each.range)
    result, rejected = None, None
    if job.state not in EARLY_ENDS:
        file = io.BytesIO()
        driver.client.download(job_id, file)
        result, rejected = file.getvalue(), [(each.row, each.record) for each in driver.client.rejects(job_id)]
    return JobOutcome(
        job=job,
        leaves=leaves,
        parts={
            each.range: _part(driver, job_id, each.range) for each in leaves if each.state is not ChunkState.CANCELLED
        },
        events=queues.published(job_id),
        has_manifest=driver.client.manifest(job_id).job_id == job_id,
        result=result,
        rejected=rejected,
    )


def _part(driver: CloudDriver, job_id: str, rows: RowRange) -> bytes:
    bucket, key = driver.cloud.outputs["Bucket"], keys.part_key(job_id, rows)
    body: bytes = driver.cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return body
