"""Sources in S3, and remote jobs in any state that a step needs, made with the account's full permissions."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Any
from uuid import uuid4

from tailrace_consumers.adapters.body_reading import reading_bodies
from tailrace_consumers.adapters.executor import BotocoreExecutor
from tailrace_consumers.adapters.s3_object_store import S3ObjectStore
from tailrace_consumers.adapters.s3_ranges import S3Ranges
from tailrace_consumers.files.count_stripe.service import CountStripe
from tailrace_consumers.files.cut_stripe.service import CutStripe
from tailrace_consumers.files.list_stripes.service import ListStripes
from tailrace_consumers.files.seal_cutting.service import SealCutting
from tailrace_consumers.files.sum_stripes.service import SumStripes
from tailrace_consumers.settings import CuttingSettings
from tailrace_core.aws.calls import Call, run
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.engines import Engine
from tailrace_core.jobs.identities import new_ulid
from tailrace_core.objects import keys
from tailrace_core.submission.options import SubmitOptions
from tailrace_core.submission.remote import RemoteSteps, read_input
from tailrace_core.submission.striping.manifest import Stripe
from tailrace_core.submission.striping.reading import StripeStart
from tailrace_core.submission.striping.request import SourceName
from tailrace_core.submission.striping.runs import run_from_dict
from tailrace_core.submission.submit_steps import SubmitSteps
from tailrace_local.testing import RunningCloud
from tests.integration.access.steps.scene import Scene

LAKE = "lake"
"""A bucket that is not the stack's."""
SOURCE_KEYS = "arn:aws:kms:*:*:key/mrk-*"
"""The key of that bucket: a multi-Region key, as no other here."""
CSV = b"id,x\n1,2\n3,4\n"
BAD_ROW = b"5\n"
"""A row that cannot be sent."""
OPEN_QUOTE = b'id,x\n"1,2\n3,4\n'


def make_lake(cloud: RunningCloud) -> None:
    """Create the bucket, with versions, encrypted with a key of its own.

    The local cloud knows the keys of buckets from templates.
    """
    key = cloud.client("kms").create_key(MultiRegion=True)["KeyMetadata"]["Arn"]
    encryption = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    properties = {
        "BucketName": LAKE,
        "VersioningConfiguration": {"Status": "Enabled"},
        "BucketEncryption": {"ServerSideEncryptionConfiguration": [encryption]},
    }
    template = {"Resources": {"Lake": {"Type": "AWS::S3::Bucket", "Properties": properties}}}
    client = cloud.client("cloudformation")
    client.create_stack(StackName=LAKE, TemplateBody=json.dumps(template))
    client.get_waiter("stack_create_complete").wait(StackName=LAKE, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


class RemoteJobs:
    """Makes remote jobs by the functions' own services, in this process: it takes milliseconds."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.s3 = scene.cloud.client("s3")
        self._stack = scene.client.stack
        self._execute = reading_bodies(BotocoreExecutor(scene.cloud.client))
        self._store = S3ObjectStore(scene.bucket, self._execute)
        self._open_range = S3Ranges(self._execute).open
        self._settings = CuttingSettings(
            bucket=scene.bucket,
            ledger_table=self._stack.table,
            results_topic=self._stack.results_topic,
            scoring_queue=self._stack.invocation_targets.scoring_queue,
            transforms_queue=self._stack.transforms_queue,
        )

    def put(self, body: bytes, *, bucket: str = LAKE, folder: str = "") -> SourceName:
        """Store an object that may be a source; return it with its version."""
        key = f"{'landing' if bucket == LAKE else 'v1/inbox'}/{uuid4().hex}{folder}/a.csv"
        stored = self.s3.put_object(Bucket=bucket, Key=key, Body=body)
        return SourceName(bucket=bucket, key=key, version_id=stored["VersionId"], etag=stored["ETag"])

    def put_each(self, body: bytes) -> tuple[SourceName, ...]:
        """Store an object in the inbox and one in another bucket; name each with and without its version."""
        stored = [self.put(body, bucket=bucket) for bucket in (self._scene.bucket, LAKE)]
        return (*stored, *map(without_version, stored))

    def open(self, *sources: SourceName, stripe_bytes: int | None = None, **options: Any) -> str:
        """Create a job with its request, as one whose execution has not begun; return its id."""
        submit = SubmitSteps(self._stack, now=time.time, new_id=new_ulid, submitted_by=None)
        remote, given = RemoteSteps(submit, self._stack, "nobody's"), SubmitOptions(**options)
        source = run(read_input(sources, HeaderPolicy.STRIP), self._execute)
        engine = Engine(options.get("via", self._scene.cloud.outputs["EndpointKind"]))
        opening = remote.open(source, given, endpoint_name=self._stack.endpoint_name, engine=engine)
        session = run(opening, self._execute)
        if stripe_bytes is not None:
            settings = dataclasses.replace(session.settings, stripe_bytes=stripe_bytes)
            session = dataclasses.replace(session, settings=settings)
        run(remote.launch(session, source, given), self._without_executions)
        return session.job.job_id

    def _without_executions(self, call: Call) -> Any:
        return {"executionArn": "nobody's"} if call.service == "stepfunctions" else self._execute(call)

    def stripes(self, job: str) -> list[dict[str, Any]]:
        """List a job's stripes; return their runs, as items of a Map."""
        ListStripes(self._store, self._execute).list(job)
        return self._lines(keys.stripes_key(job))

    def counted(self, job: str) -> None:
        """List and count a job's stripes."""
        counting = CountStripe(self._store, self._open_range)
        for each in self.stripes(job):
            counting.count(job, run_from_dict(each, Stripe.from_dict), None, lambda: False)

    def starts(self, job: str) -> list[dict[str, Any]]:
        """List, count and sum a job's stripes; return the runs of their starts, as items of a Map."""
        self.counted(job)
        SumStripes(self._store, self._open_range, reads_at_once=1).sum(job)
        return self._lines(keys.stripe_starts_key(job))

    def cut(self, job: str, run: dict[str, Any]) -> int:
        """Cut a run of stripes of a job; return the number of its rows."""
        cutting = CutStripe(self._settings, self._execute, self._open_range, now=time.time, concurrency=1)
        starts = run_from_dict(run, StripeStart.from_dict)
        cutting.cut(job, starts, None, lambda: 900.0)
        return sum(each.rows for each in starts)

    def cut_whole(self, job: str) -> int:
        """Cut all of a job; return the number of its rows."""
        return sum(self.cut(job, each) for each in self.starts(job))

    def seal(self, job: str) -> None:
        """Cut all of a job, and seal it."""
        SealCutting(self._settings, self._execute, now=time.time).seal(job, self.cut_whole(job))

    def write(self, key: str, body: bytes) -> None:
        """Write an object of the stack's bucket."""
        self.s3.put_object(Bucket=self._scene.bucket, Key=key, Body=body)

    def read(self, key: str) -> bytes:
        """Read an object of the stack's bucket."""
        found: bytes = self.s3.get_object(Bucket=self._scene.bucket, Key=key)["Body"].read()
        return found

    def _lines(self, key: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.read(key).splitlines()]


def without_version(source: SourceName) -> SourceName:
    """Name an object without its version."""
    return SourceName(bucket=source.bucket, key=source.key)
