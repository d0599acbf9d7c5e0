"""The steps of the inbox's functions: a file that arrives, and a result that is delivered."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Iterator
from contextlib import suppress

from botocore.exceptions import ClientError

from tailrace_consumers.files.inbox_names import INBOX_TAG
from tailrace_consumers.files.outbox import Mark
from tailrace_core.jobs.identities import new_ulid
from tailrace_core.jobs.model import Job, JobState
from tailrace_core.ledger.port import JobKey
from tailrace_core.messages.arrivals import DeliveryDue, decode_arrival
from tailrace_core.messages.manifest import Manifest, ManifestPart
from tailrace_core.objects import keys
from tailrace_core.submission.executions import execution_arn
from tailrace_core.submission.striping.request import SourceName
from tailrace_local.demo.demand import COLUMNS
from tests.integration.access.steps.functions import Functions
from tests.integration.access.steps.scene import Scene
from tests.integration.access.steps.sources import BAD_ROW, CSV, RemoteJobs
from tests.integration.access.steps.step import Observation, Step
from tests.integration.pipeline.demand_rows import csv_bytes, demand_rows

_LARGE = 11 * 1024 * 1024
"""Size of a part that is joined with a header: 5 MiB are gathered with it, and the rest is copied."""
_SHORT_S = 59
"""A timeout of DeliverResults that leaves no time for a part of an upload."""


class Files(Functions):
    """Steps of StartJobs and DeliverResults."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._jobs = RemoteJobs(scene)

    # -- files that arrive

    def starting(self) -> Iterator[Step]:
        """The steps of StartJobs."""
        yield from self._process("StartJobs", "Inbox")
        yield Step("start the job of a file", lambda _: self._started())
        yield Step("start the job of a file again", lambda _: self._started(times=2))
        yield Step("report options that are wrong", lambda _: self._reported())
        yield Step("end the job of a file that is gone, via transform", lambda _: self._ended())

    def _arrive(self) -> tuple[SourceName, str]:
        """Store a file in the inbox; return it and the event about it."""
        source = self._jobs.put(CSV, bucket=self._scene.bucket)
        written = {"key": source.key, "etag": str(source.etag).strip('"'), "size": len(CSV), "sequencer": "00A"}
        event = {
            "detail-type": "Object Created",
            "source": "aws.s3",
            "time": "2026-01-01T00:00:00Z",
            "detail": {
                "bucket": {"name": source.bucket},
                "object": {**written, "version-id": source.version_id},
            },
        }
        return source, json.dumps(event)

    def _started(self, *, times: int = 1) -> Observation:
        scene, (_, event) = self._scene, self._arrive()
        seen: Observation = {}
        for _ in range(times):
            seen = scene.told("StartJobs", "Inbox", event)
        found = scene.ledger.find_job_key(decode_arrival(event).identity)
        if found is None:
            return {**seen, "the job": "is not opened"}
        with suppress(ClientError):
            execution = execution_arn(scene.cloud.outputs["CuttingStateMachine"], found[0])
            scene.cloud.client("stepfunctions").stop_execution(executionArn=execution)
        return {**seen, "the job": "is opened"}

    def _reported(self) -> Observation:
        source, event = self._arrive()
        self._jobs.write(f"{source.key}.options.json", b'{"x": 1}')
        seen = self._scene.told("StartJobs", "Inbox", event)
        report = f"v1/outbox/{source.key.removeprefix('v1/inbox/')}.error.json"
        written = self._scene.has(f"s3://{self._scene.bucket}/{report}")
        return {**seen, "the report": "is written" if written else "is not written"}

    def _ended(self) -> Observation:
        """Come to a job that was opened for the file and has no request yet."""
        scene, (source, event) = self._scene, self._arrive()
        settings = scene.ledger.settings(self._transforms)
        assert settings is not None
        now = time.time()
        job = Job(job_id=new_ulid(), state=JobState.SUBMITTING, created_at=now, deadline_at=now + 3600)
        assert scene.ledger.create_job(job, settings, JobKey(decode_arrival(event).identity, "f" * 64))
        self._jobs.s3.delete_object(Bucket=source.bucket, Key=source.key)
        return scene.told("StartJobs", "Inbox", event, job.job_id)

    @functools.cached_property
    def _transforms(self) -> str:
        """A job via transform, whose settings others take."""
        return self._jobs.open(self._jobs.put(CSV), via="transform")

    # -- results that are delivered

    def delivering(self) -> Iterator[Step]:
        """The steps of DeliverResults."""
        yield from self._process("DeliverResults", "Outbox")
        yield Step("deliver a result and its rejected rows", lambda _: self._delivered(self._finished))
        yield Step("abort a large result that is gone on with", lambda _: self._gone_on_with())
        yield Step("abort what is left of a large result that stands", lambda _: self._left())
        yield Step("put off a large result", lambda _: self._put_off())

    def _open(self) -> tuple[str, str]:
        """Create a job of a file; return it and the prefix of what is delivered."""
        body = csv_bytes(demand_rows(2, seed=5), header=COLUMNS) + BAD_ROW
        source = self._jobs.put(body, bucket=self._scene.bucket)
        job = self._jobs.open(source, tags={INBOX_TAG: f"00A {source.version_id}"})
        return job, f"v1/outbox/{source.key.removeprefix('v1/inbox/')}"

    @functools.cached_property
    def _finished(self) -> tuple[str, str]:
        job, prefix = self._open()
        self._jobs.seal(job)
        self._scene.after("CollectResults", "Succeeded", job)
        return job, prefix

    @functools.cached_property
    def _large(self) -> tuple[str, str]:
        """A job of a file with one large part."""
        job, prefix = self._open()
        key = f"v1/jobs/{job}/parts/large.csv"
        self._jobs.write(key, b"1\n" * (_LARGE // 2))
        manifest = Manifest.model_validate_json(self._jobs.read(keys.manifest_key(self._finished[0])))
        part = ManifestPart(first_row=0, rows=3, state=manifest.parts[0].state, key=key, size_bytes=_LARGE)
        large = manifest.model_copy(update={"job_id": job, "parts": (part,)})
        self._jobs.write(keys.manifest_key(job), large.model_dump_json().encode())
        return job, prefix

    def _delivered(
        self, finished: tuple[str, str], upload_id: str | None = None, *, stands: bool = False
    ) -> Observation:
        """Observe a delivery to an outbox that holds nothing of it, or the result alone."""
        scene, (job, prefix) = self._scene, finished
        for key in self._outbox(prefix):
            self._jobs.s3.delete_object(Bucket=scene.bucket, Key=key)
        if stands:
            about = Mark("00A", job).metadata
            self._jobs.s3.put_object(Bucket=scene.bucket, Key=prefix, Body=b"", Metadata=about)
        due = DeliveryDue(job_id=job, object="result" if upload_id else None, upload_id=upload_id)
        seen = scene.told("DeliverResults", "Outbox", due.to_json())
        return {**seen, "the outbox": self._outbox(prefix), "uploads left": scene.drop_uploads()}

    def _outbox(self, prefix: str) -> list[str]:
        found = self._jobs.s3.list_objects_v2(Bucket=self._scene.bucket, Prefix=prefix).get("Contents", [])
        return sorted(each["Key"] for each in found)

    def _gone_on_with(self) -> Observation:
        begun = self._jobs.s3.create_multipart_upload(Bucket=self._scene.bucket, Key=self._large[1])
        return self._delivered(self._large, begun["UploadId"])

    def _left(self) -> Observation:
        self._jobs.s3.create_multipart_upload(Bucket=self._scene.bucket, Key=self._large[1])
        return self._delivered(self._large, stands=True)

    def _put_off(self) -> Observation:
        client, name = self._scene.cloud.client("lambda"), self._scene.cloud.functions["DeliverResults"]
        usual = client.get_function_configuration(FunctionName=name)["Timeout"]
        before = self._scene.waiting("Outbox")
        client.update_function_configuration(FunctionName=name, Timeout=_SHORT_S)
        try:
            seen = self._delivered(self._large)
        finally:
            client.update_function_configuration(FunctionName=name, Timeout=usual)
        return {**seen, "messages to go on with": self._scene.waiting("Outbox") - before}
