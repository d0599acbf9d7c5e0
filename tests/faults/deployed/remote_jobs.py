"""Random jobs whose rows do not pass through a producer: remote jobs, and files in the inbox."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from tailrace_core.jobs.model import Job, JobState
from tailrace_core.submission.option_objects import NOT_HERE
from tailrace_core.submission.options import SubmitOptions
from tests.faults.deployed.cloud_driver import CloudDriver, polling
from tests.faults.deployed.faulty_cloud import SOURCES
from tests.faults.deployed.random_jobs import Interruption, RandomJob

_TIMEOUT_S = 120.0
_DELIVERED = frozenset({JobState.COMPLETED, JobState.COMPLETED_WITH_REJECTS})


def start_remotely(driver: CloudDriver, job: RandomJob, name: str) -> str:
    """Put the input below a prefix, and start its job; return the job's id."""
    s3 = driver.cloud.client("s3")
    for number, body in enumerate(job.input.objects(job.objects)):
        s3.put_object(Bucket=SOURCES, Key=f"{name}/{number}.csv", Body=_stored(job, body))
    location = f"s3://{SOURCES}/{name}/"
    options = replace(job.options, job_key=name)
    job_id = driver.client.submit(location, options, remote=True).job_id
    if job.interruption is Interruption.STARTED_TWICE:
        # As somebody does who takes an execution for dead.
        driver.cloud.client("stepfunctions").start_execution(
            stateMachineArn=driver.cloud.outputs["CuttingStateMachine"],
            name=f"{job_id}-2",
            input=json.dumps({"job_id": job_id, "dry_run": False}),
        )
        assert driver.client.submit(location, options, remote=True).job_id == job_id
    return job_id


def drop(driver: CloudDriver, job: RandomJob, name: str) -> str:
    """Put the input into the inbox with its options beside it; return the id of the job that starts."""
    s3, bucket, key = driver.cloud.client("s3"), driver.cloud.outputs["Bucket"], f"v1/inbox/{name}.csv"
    s3.put_object(Bucket=bucket, Key=f"{key}.options.json", Body=json.dumps(_options(job.options)).encode())
    made = s3.put_object(Bucket=bucket, Key=key, Body=_stored(job, job.input.text))
    if job.interruption is Interruption.STARTED_TWICE:
        driver.cloud.client("sqs").send_message(
            QueueUrl=driver.cloud.outputs["InboxQueueUrl"], MessageBody=json.dumps(_event(bucket, key, made))
        )
    identity = hashlib.sha256(json.dumps([bucket, key, made["VersionId"]]).encode()).hexdigest()
    for _ in polling(f"the job of {key}", _TIMEOUT_S):
        found = driver.ledger.find_job_key(identity)
        if found is not None:
            return found[0]
    raise AssertionError("unreachable")


def check_outbox(driver: CloudDriver, job: Job, name: str) -> None:
    """Raise AssertionError unless the outbox holds what the job of a file gave."""
    s3, where = driver.cloud.client("s3"), {"Bucket": driver.cloud.outputs["Bucket"]}
    prefix = f"v1/outbox/{name}.csv"
    listed = s3.list_objects_v2(**where, Prefix=prefix).get("Contents", [])
    found = {each["Key"].removeprefix(prefix) for each in listed}
    if job.state not in _DELIVERED:
        assert found == {".error.json"}, f"{job.job_id} is {job.state}, and its outbox has {found}"
        return
    assert found == {"", ".manifest.json", ".rejects.csv"}, f"{job.job_id}: the outbox has {found}"
    wanted = io.BytesIO()
    driver.client.download(job.job_id, wanted)
    assert s3.get_object(**where, Key=prefix)["Body"].read() == wanted.getvalue(), f"{job.job_id}: another result"


def _stored(job: RandomJob, body: bytes) -> bytes:
    return gzip.compress(body) if job.compressed else body


def _options(options: SubmitOptions) -> Mapping[str, Any]:
    """Return the options that differ from the defaults, as the object beside the file holds them."""
    usual = SubmitOptions()
    named = {each.name: getattr(options, each.name) for each in fields(options) if each.name not in NOT_HERE}
    return {name: value for name, value in named.items() if value != getattr(usual, name)}


def _event(bucket: str, key: str, made: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the event of an object that was put, as EventBridge sends it again."""
    written = {
        "key": key,
        "size": 1,
        "etag": made["ETag"].strip('"'),
        "version-id": made["VersionId"],
        "sequencer": "1",
    }
    return {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "time": "2026-01-01T00:00:00Z",
        "detail": {"bucket": {"name": bucket}, "object": written},
    }
