"""Remote jobs on the deployed stack give what the same submit gives without ``remote``."""

from __future__ import annotations

import gzip
import io
import json
import random
from collections.abc import Iterator

import pytest
import zstandard

from tailrace import InputError, Tailrace
from tailrace.progress import CuttingProgress
from tailrace_core.jobs.model import Job, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.objects import keys
from tailrace_core.submission.options import SubmitOptions
from tailrace_local.control.fault_admin import CloudFaultPlan, FaultAdmin
from tailrace_local.demo.demand import COLUMNS
from tailrace_local.testing import RunningCloud
from tests.integration.pipeline.conftest import SOURCES
from tests.integration.pipeline.demand_rows import csv_bytes, demand_rows

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(400)]
OBJECTS = 40
STRIPE_BYTES = 6000
HEADER = ("key", *COLUMNS)
STORED = (lambda body: body, lambda body: body, gzip.compress, lambda body: zstandard.compress(body, 3))


@pytest.fixture(scope="module")
def client(cloud: RunningCloud) -> Iterator[Tailrace]:
    with Tailrace(cloud.facts.stack, session=cloud.session(), endpoint_url=cloud.endpoint_url) as made:
        yield made


def objects(source: random.Random) -> Iterator[bytes]:
    """Yield objects of every kind that an input may have."""
    for number in range(OBJECTS):
        rows = demand_rows(source.randrange(1, 40), number, awkward=number % 3 == 0)
        keyed = [[f"{number}-{index}", *row] for index, row in enumerate(rows)]
        if number == 7:
            # One record that is larger than a stripe, with the quotes and line ends of many.
            keyed[0][0] = 'a "key"\r\n, of many lines\n' * (2 * STRIPE_BYTES // 20)
        body = csv_bytes(keyed, header=HEADER, end="\r\n" if number % 5 == 0 else "\n")
        if number % 4 == 1:
            body = body.rstrip(b"\r\n")
        yield STORED[number % len(STORED)](csv_bytes([], header=HEADER) if number == 20 else body)


def finished(client: Tailrace, job_id: str) -> Job:
    job = client.wait(job_id, timeout_s=300)
    assert job.state in {JobState.COMPLETED, JobState.COMPLETED_WITH_REJECTS}, job
    return job


def parts(cloud: RunningCloud, client: Tailrace, job_id: str) -> list[tuple[int, int, bytes]]:
    """Return first row, rows and content of each part."""
    found = []
    for part in client.manifest(job_id).parts:
        key = keys.part_key(job_id, RowRange(part.first_row, part.rows))
        body = cloud.client("s3").get_object(Bucket=cloud.outputs["Bucket"], Key=key)["Body"].read()
        found.append((part.first_row, part.rows, body))
    return found


def test_forty_objects_give_the_same_parts_wherever_they_are_cut(cloud: RunningCloud, client: Tailrace) -> None:
    s3, location = cloud.client("s3"), f"s3://{SOURCES}/forty/"
    for number, body in enumerate(objects(random.Random(17))):
        s3.put_object(Bucket=SOURCES, Key=f"forty/{number:02d}.csv", Body=body)
    options = SubmitOptions(keep=["key"], chunk_rows=30, stripe_bytes=STRIPE_BYTES)
    here = client.submit(location, options).job_id
    there = client.submit(location, options, remote=True).job_id
    jobs = [finished(client, job_id) for job_id in (here, there)]
    assert jobs[0].rows_total == jobs[1].rows_total
    assert (jobs[0].rows_total or 0) > OBJECTS
    assert [job.rows_rejected for job in jobs] == [jobs[0].rows_rejected] * 2
    local, remote = (parts(cloud, client, job_id) for job_id in (here, there))
    assert len(local) > len({rows for _, rows, _ in local}) > 1
    assert remote == local
    results = [io.BytesIO(), io.BytesIO()]
    for job_id, result in zip((here, there), results, strict=True):
        client.download(job_id, result)
    assert results[0].getvalue() == results[1].getvalue()


def test_an_object_that_ends_inside_quotes_fails_the_job_by_name(cloud: RunningCloud, client: Tailrace) -> None:
    s3 = cloud.client("s3")
    good = csv_bytes([["k", *demand_rows(1)[0]]], header=HEADER)
    s3.put_object(Bucket=SOURCES, Key="open/1.csv", Body=good)
    s3.put_object(Bucket=SOURCES, Key="open/2.csv", Body=good + b'k2,"never closed\n' + b"x\n" * STRIPE_BYTES)
    with pytest.raises(InputError, match=r"opens a quote \(at byte \d+ of s3://.*open/2\.csv\) that nothing closes"):
        client.submit(f"s3://{SOURCES}/open/", remote=True, keep=["key"], stripe_bytes=STRIPE_BYTES)
    (job,) = client.jobs(limit=1)
    # The submit says why as soon as that is recorded; the job is over once its manifest is written.
    job = client.wait(job.job_id, timeout_s=300)
    assert (job.state, job.rows_open) == (JobState.FAILED, 0)
    assert "open/2.csv" in (job.reason or "")


def test_a_cancel_stops_the_execution_and_the_job_stays_cancelled(cloud: RunningCloud, client: Tailrace) -> None:
    body = csv_bytes([["k", *row] for row in demand_rows(40)], header=HEADER)
    cloud.client("s3").put_object(Bucket=SOURCES, Key="cancel/1.csv", Body=body)

    def cancel(moment: object) -> None:
        if isinstance(moment, CuttingProgress):
            client.cancel(moment.job.job_id, "not needed")

    # Without its reads the execution tries again and again, and cannot end before it is stopped.
    when, do = {"function": "*CountStripe*", "call": "s3.GetObject"}, {"kind": "refuse", "code": "SlowDown"}
    admin = FaultAdmin(cloud.own_url, cloud.token)
    admin.set(CloudFaultPlan.read(json.dumps({"functions": {"rules": [{"when": when, "do": do}]}})))
    try:
        options = SubmitOptions(keep=["key"], stripe_bytes=STRIPE_BYTES)
        job = client.submit(f"s3://{SOURCES}/cancel/", options, remote=True, progress=cancel).job
        job = client.wait(job.job_id, timeout_s=300)
    finally:
        admin.clear()
    assert (job.state, job.reason, job.rows_open) == (JobState.CANCELLED, "not needed", 0)
    cutting = client.cutting(job.job_id)
    assert cutting is not None
    assert cutting.state == "ABORTED"
