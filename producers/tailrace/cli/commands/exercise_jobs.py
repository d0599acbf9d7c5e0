"""Jobs of the doctor's exercise: a bad row beside a good one, and a part above 8 MiB."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace

from tailrace.client import Tailrace
from tailrace.doctor.errors import finding_of
from tailrace.doctor.exercise.trials import BAD_FIELD
from tailrace.doctor.findings import Finding, fail, ok, warn
from tailrace_core.errors import TailraceError, TimedOutError
from tailrace_core.jobs.model import Job
from tailrace_core.submission.options import SubmitOptions

_PAD = "doctor_pad"
_PAD_BYTES = 16_384
_LARGE_ROWS = 600
"""With the padding, which is kept and not sent, a part of 9.4 MiB: CollectResults uploads it in pieces."""
_USES_JOB = "uses ProducerPolicy, and the roles of CollectResults and HandleFailures"
_USES_LARGE = "uses s3:PutObject and s3:AbortMultipartUpload on v1/jobs/*/parts/* (CollectResultsRole, AbortParts)"


def exercise_jobs(client: Tailrace, row: bytes, content_type: str, *, wait_s: float) -> Iterator[Finding]:
    """Run both jobs and yield a finding for each; errors become findings."""
    fields = row.count(b",") + 1
    header = b",".join([_PAD.encode(), *(b"c%d" % number for number in range(fields))])
    bad = b",".join(BAD_FIELD for _ in range(fields))
    mixed = b"\n".join([header, b"1," + row, b"2," + bad, b""])
    pad = b"x" * _PAD_BYTES + b","
    large = b"\n".join([header, *([pad + row] * _LARGE_ROWS), b""])
    for name, text, judge in (("job", mixed, _mixed), ("large-part", large, _large)):
        try:
            submission = client.submit(io.BytesIO(text), _options(content_type))
            job = client.wait(submission.job_id, timeout_s=wait_s)
            finding = judge(job)
        except TimedOutError as error:
            finding = fail(f"the job did not end within {wait_s:.0f} s: {error}")
        except TailraceError as error:
            finding = finding_of(error)
        yield replace(finding, check=name)


def _options(content_type: str) -> SubmitOptions:
    return SubmitOptions(keep=[_PAD], content_type=content_type, chunk_bytes=16 * 1024 * 1024)


def _mixed(job: Job) -> Finding:
    seen = f"{job.job_id} is {job.state.value}: {job.rows_scored} scored, {job.rows_rejected} rejected"
    if (job.rows_scored, job.rows_rejected) == (1, 1):
        return replace(ok(seen), details=(_USES_JOB,))
    if job.rows_scored == job.rows_total:
        return warn(seen, advice="the model scores the bad row too: check its validation", details=(_USES_JOB,))
    return fail(seen, advice=job.reason or "look at the job with tailrace status", details=(_USES_JOB,))


def _large(job: Job) -> Finding:
    seen = f"{job.job_id} is {job.state.value}: {job.rows_scored} of {job.rows_total} scored"
    if job.rows_scored == job.rows_total:
        return replace(ok(seen), details=(_USES_LARGE,))
    return fail(seen, advice=job.reason or "look at the job with tailrace status", details=(_USES_LARGE,))
