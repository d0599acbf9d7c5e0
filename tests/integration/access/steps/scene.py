"""Jobs on the enforcing cloud in any state that a step needs; no function polls the queues."""

from __future__ import annotations

import base64
import io
import json
import re
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from tailrace import Tailrace
from tailrace_core.jobs.model import Chunk
from tailrace_core.ledger.dynamo_ledger import DynamoLedger
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.ledger.items import DUE_INDEX
from tailrace_local.cloud.event_sources.events import event_record
from tailrace_local.cloud.serving.router import STATUS_PATH
from tailrace_local.control.admin_api import get_json
from tailrace_local.control.fault_admin import SECTIONS, CloudFaultPlan, FaultAdmin
from tailrace_local.demo.demand import COLUMNS
from tailrace_local.sagemaker.messages.notifications import TEST_MESSAGE
from tailrace_local.testing import RunningCloud
from tests.integration.access.steps.step import EffectWait, Observation
from tests.integration.local.polling import eventually
from tests.integration.pipeline.demand_rows import csv_bytes, demand_rows

BAD_PRICE = "cheap"
"""A price that is not a number: the model refuses the row."""
MISALIGNED, CLOSED, BROKEN = "Misaligned", "Closed", "Broken"
"""Words in a row for which the endpoint omits a prediction, cannot store its output, or fails."""
_RULES: list[dict[str, Any]] = [
    {"when": {"row": MISALIGNED}, "do": {"kind": "spoil_output", "how": "drop_last"}},
    {"when": {"row": CLOSED}, "do": {"kind": "fail_upload", "message": "Access denied"}},
    {"when": {"row": BROKEN}, "do": {"kind": "status", "status": 500}},
]
# The upload of an object above 8 MiB fails, for good at once: it has to be aborted.
_FUNCTIONS = {"rules": [{"when": {"call": "s3.UploadPart"}, "do": {"kind": "refuse", "code": "InvalidRequest"}}]}
_QUEUES = ("Succeeded", "Failed", "Retries", "Parked", "Results", "ReconcileJobsDeadLetter")
_UNSAID = re.compile(r"arn:aws:\S+|[0-9A-HJKMNP-TV-Z]{26}|[0-9a-f]{8}-[0-9a-f-]{27}|tailrace-[A-Za-z0-9-]+|/v1/\S+")


class Scene:
    """Creates jobs with the account's full permissions.

    Functions handle them one event at a time.
    """

    def __init__(self, cloud: RunningCloud, folder: Path) -> None:
        self.cloud = cloud
        self.folder = folder
        self.client = Tailrace(cloud.facts.stack, session=cloud.session(), endpoint_url=cloud.endpoint_url)
        self._faults = FaultAdmin(cloud.own_url, cloud.token)
        self._heard: dict[str, list[str]] = defaultdict(list)

    # -- what the world is like

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """Stop the polling and the schedule, and let rows make the endpoint fail, for the block."""
        self._tick_by_itself(enabled=False)
        self._map(enabled=False)
        self._set({"sagemaker": {"rules": _RULES}, "functions": _FUNCTIONS})
        try:
            yield
        finally:
            self._faults.clear()
            self._map(enabled=True)
            self._tick_by_itself(enabled=True)

    @contextmanager
    def refusing(self, job: str, code: str) -> Iterator[None]:
        """Have the endpoint refuse a job's requests until the block ends."""
        refusal = {"when": {"inference_id": f"^{job}"}, "do": {"kind": "refuse", "code": code, "message": "no"}}
        self._set({"sagemaker": {"rules": [refusal, *_RULES]}})
        try:
            yield
        finally:
            self._set({"sagemaker": {"rules": _RULES}})

    @contextmanager
    def answering_late(self) -> Iterator[None]:
        """Have the model answer no request until the block ends, so that transform jobs run on."""
        self._set({"sagemaker": {"rules": [{"do": {"kind": "slow", "seconds": 600}}]}})
        try:
            yield
        finally:
            self._set({"sagemaker": {"rules": _RULES}})

    def _tick_by_itself(self, *, enabled: bool) -> None:
        own = self.own_schedule()
        asked = ("Name", "GroupName", "ScheduleExpression", "FlexibleTimeWindow", "Target")
        changed = {name: own[name] for name in asked}
        self.cloud.client("scheduler").update_schedule(**changed, State="ENABLED" if enabled else "DISABLED")

    def own_schedule(self) -> dict[str, Any]:
        """The stack's schedule."""
        scheduler = self.cloud.client("scheduler")
        (own,) = [each for each in scheduler.list_schedules()["Schedules"] if each["GroupName"] != "default"]
        found: dict[str, Any] = scheduler.get_schedule(Name=own["Name"], GroupName=own["GroupName"])
        return found

    def mapping(self, queue: str) -> str:
        """Return the id of a queue's event source mapping."""
        found = self.cloud.client("lambda").list_event_source_mappings()["EventSourceMappings"]
        name = self.queue_arn(queue)
        return next(str(each["UUID"]) for each in found if each["EventSourceArn"] == name)

    def map(self, queue: str, *, enabled: bool) -> None:
        """Enable or disable a function's polling of its queue.

        After disabling, nothing polls the queue.
        """
        self.cloud.client("lambda").update_event_source_mapping(UUID=self.mapping(queue), Enabled=enabled)
        if not enabled:
            name = self.queue_arn(queue).rsplit(":", 1)[-1]
            eventually(lambda: not self._polled(name, "enabled"), what=f"the end of the mapping of {name}")
            # A poll still in progress receives this message, and no other.
            url = self.queue_url(queue)
            self.cloud.client("sqs").send_message(QueueUrl=url, MessageBody=TEST_MESSAGE)
            eventually(lambda: not self._polled(name, "receiving", "in_flight"), what=f"nobody at {name}")
            self.cloud.client("sqs").purge_queue(QueueUrl=url)

    def _polled(self, queue: str, *signs: str) -> bool:
        """Return whether the cloud's status shows one of these signs for a queue, or is unavailable."""
        status = get_json(f"{self.cloud.own_url}{STATUS_PATH}")
        if status is None:
            return True
        return any(each[sign] for each in status["mappings"] if each["queue"] == queue for sign in signs)

    def _map(self, *, enabled: bool) -> None:
        for queue in ("Succeeded", "Failed", "Retries", *self.engine_queues):
            if enabled:
                # What came meanwhile would keep the functions busy for nobody.
                self.cloud.client("sqs").purge_queue(QueueUrl=self.queue_url(queue))
            self.map(queue, enabled=enabled)

    @property
    def engine_queues(self) -> tuple[str, ...]:
        """The queues of other engines than an asynchronous endpoint, and of files, that the stack has."""
        known = ("Scoring", "Transforms", "CuttingEnds", "Inbox", "Outbox")
        return tuple(each for each in known if f"{each}QueueUrl" in self.cloud.outputs)

    def _set(self, plan: dict[str, Any]) -> None:
        read = CloudFaultPlan.read(json.dumps(plan))
        for name in plan:
            # Every new fault plan for functions starts new processes.
            self._faults._ask("PUT", SECTIONS[name], getattr(read, name).model_dump(mode="json"))

    # -- jobs

    def submit(self, *words: str, bad: int | None = None, ragged: int = 0, keep: int = 0, **options: Any) -> str:
        """Create a job of one row for each word, in one chunk; return its id.

        The row ``bad`` is one that the model refuses. So many ``ragged`` rows follow that cannot be
        sent; there is a kept column of ``keep`` bytes if any.
        """
        rows = demand_rows(len(words), seed=5)
        for index, word in enumerate(words):
            rows[index][2] = word or rows[index][2]
            rows[index][5] = BAD_PRICE if index == bad else rows[index][5]
        header: Sequence[str] = COLUMNS
        if keep:
            rows, header = [["k" * keep, *row] for row in rows], ("key", *COLUMNS)
            options["keep"] = ["key"]
        content = csv_bytes(rows, header=header) + b"ragged\n" * ragged
        job: str = self.client.submit("-", stdin=io.BytesIO(content), **options).job_id
        return job

    def unanswered(self) -> str:
        """Create a job of one row that the endpoint accepts and loses; return its id."""
        self._set({"sagemaker": {"rules": [{"do": {"kind": "lose"}}]}})
        try:
            return self.submit("")
        finally:
            self._set({"sagemaker": {"rules": _RULES}})

    @property
    def ledger(self) -> DynamoLedger:
        """The ledger, for whoever has every permission."""
        return DynamoLedger(DynamoSteps(self.client.stack.table), self.client._execute)

    def chunks(self, job: str) -> list[Chunk]:
        """Return the job's chunks in order."""
        return sorted(self.ledger.chunks(job), key=lambda chunk: (chunk.range.first_row, -chunk.range.rows))

    def change(self, job: str, item: str, **values: float | bool) -> None:
        """Change the ledger, as no identity of the stack may."""
        encoded = {
            f":{name}": {"BOOL": value} if isinstance(value, bool) else {"N": str(value)}
            for name, value in values.items()
        }
        self.cloud.client("dynamodb").update_item(
            TableName=self.cloud.outputs["LedgerTable"],
            Key={"job": {"S": job}, "item": {"S": item}},
            UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in values),
            ExpressionAttributeValues=encoded,
        )

    def make_due(self, job: str, **values: float | bool) -> None:
        """Make a job's chunks due for the reconciler's next run, with these values."""
        for chunk in self.chunks(job):
            self.change(job, f"chunk#{chunk.range.name}", due_at=1.0, **values)

    def forget(self) -> None:
        """Hide all open chunks from the reconciler for good."""
        client, table = self.cloud.client("dynamodb"), self.cloud.outputs["LedgerTable"]
        for page in client.get_paginator("scan").paginate(TableName=table, IndexName=DUE_INDEX):
            for found in page["Items"]:
                key = {name: found[name] for name in ("job", "item")}
                client.update_item(TableName=table, Key=key, UpdateExpression="REMOVE due_shard")

    def keys(self, job: str) -> list[str]:
        """Return the keys of the job's objects without their common prefix."""
        prefix = f"v1/jobs/{job}/"
        found = self.cloud.client("s3").list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        return sorted(each["Key"].removeprefix(prefix) for each in found)

    def has(self, location: str | None) -> bool:
        """Return whether an object exists at a location."""
        key = (location or "").removeprefix(f"s3://{self.bucket}/")
        return "Contents" in self.cloud.client("s3").list_objects_v2(Bucket=self.bucket, Prefix=key, MaxKeys=1)

    @property
    def bucket(self) -> str:
        """The stack's bucket."""
        return self.cloud.outputs["Bucket"]

    @contextmanager
    def without_endpoint(self) -> Iterator[None]:
        """Remove the endpoint until the block ends."""
        client, name = self.cloud.client("sagemaker"), self.cloud.outputs["EndpointName"]
        config = client.describe_endpoint(EndpointName=name)["EndpointConfigName"]
        client.delete_endpoint(EndpointName=name)
        eventually(lambda: self._endpoint_status() is None, what="the endpoint's end")
        try:
            yield
        finally:
            client.create_endpoint(EndpointName=name, EndpointConfigName=config)
            eventually(lambda: self._endpoint_status() == "InService", what="the endpoint in service")

    def answered(self) -> None:
        """Wait until the endpoint has completed every request and sent its notifications."""
        url = f"{self.cloud.own_url}/_tailrace/sagemaker/endpoints/{self.cloud.outputs['EndpointName']}"
        eventually(lambda: (get_json(url) or {}).get("backlog") == 0, what="an answer to every request")

    def _endpoint_status(self) -> str | None:
        with suppress(ClientError):
            found = self.cloud.client("sagemaker").describe_endpoint(EndpointName=self.cloud.outputs["EndpointName"])
            return str(found["EndpointStatus"])
        return None

    # -- queues

    def queue_url(self, queue: str) -> str:
        """Return the URL of a queue."""
        name = f"{queue}Queue"
        return self.cloud.outputs[f"{name}Url" if queue in self.engine_queues else name]

    def queue_arn(self, queue: str) -> str:
        """Return the ARN of a queue."""
        name = self.queue_url(queue).rsplit("/", 1)[-1]
        return f"arn:aws:sqs:{self.cloud.region}:{self.cloud.facts.account_id}:{name}"

    def waiting(self, queue: str) -> int:
        """Return the number of a queue's messages, visible or not."""
        kinds = ("", "NotVisible", "Delayed")
        names = [f"ApproximateNumberOfMessages{kind}" for kind in kinds]
        found = self.cloud.client("sqs").get_queue_attributes(QueueUrl=self.queue_url(queue), AttributeNames=names)
        return sum(map(int, found["Attributes"].values()))

    def heard(self, queue: str, about: str) -> str | None:
        """Empty the queue; return the body of a message so far with this text, None without one."""
        return next(iter(self.all_heard(queue, about)), None)

    def times_heard(self, queue: str, about: str) -> int:
        """Return how many messages of a queue have had this text so far."""
        return len(self.all_heard(queue, about))

    def all_heard(self, queue: str, about: str) -> Sequence[str]:
        """Receive all messages of a queue; return all bodies received so far."""
        sqs, url = self.cloud.client("sqs"), self.queue_url(queue)
        asked = {"QueueUrl": url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0}
        while messages := sqs.receive_message(**asked).get("Messages"):
            for message in messages:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                self._heard[queue].append(message["Body"])
        return [each for each in self._heard[queue] if about in each]

    def wait_for(self, queue: str, about: str) -> str:
        """Return the same after it has arrived."""
        return eventually(lambda: self.heard(queue, about), what=f"what is said of {about} in {queue}Queue") or ""

    # -- functions

    def function_arn(self, name: str) -> str:
        """Return the ARN of the function with a logical id."""
        of = f"{self.cloud.region}:{self.cloud.facts.account_id}"
        return f"arn:aws:lambda:{of}:function:{self.cloud.functions[name]}"

    @contextmanager
    def schedule(self, target: str) -> Iterator[None]:
        """Create a schedule, due at once, with the stack's role and dead letters, for the block."""
        scheduler = self.cloud.client("scheduler")
        found = self.own_schedule()["Target"]
        name = f"at-once-{uuid4().hex[:8]}"
        scheduler.create_schedule(
            Name=name,
            ScheduleExpression="at(2024-01-01T00:00:00)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={**found, "Arn": target},
        )
        try:
            yield
        finally:
            scheduler.delete_schedule(Name=name)

    def logged(self, wait: EffectWait, function: str, event: Mapping[str, Any]) -> Observation:
        """Return the log of a new process of a function."""
        name, client, logs = self.cloud.functions[function], self.cloud.client("lambda"), self.cloud.client("logs")
        # A changed timeout makes a new version, which no process serves yet.
        described = client.get_function_configuration(FunctionName=name)
        group = described["LoggingConfig"]["LogGroup"]
        began = int(time.time() * 1000)
        client.update_function_configuration(FunctionName=name, Timeout=described["Timeout"] ^ 1)
        seen = self.invoked(function, event)
        lines = wait.until(lambda: logs.filter_log_events(logGroupName=group, startTime=began)["events"])
        return {"the invocation": seen["the invocation"], "the log": "is written" if lines else "is lost"}

    def after(self, function: str, queue: str, job: str) -> Observation:
        """Observe a function's handling of the endpoint's notification of a job."""
        return self.told(function, queue, self.wait_for(queue, job), job)

    def told(self, function: str, queue: str, body: str, job: str | None = None) -> Observation:
        """Observe a function's handling of a message, and the job afterwards."""
        message = {"MessageId": "1", "ReceiptHandle": "1", "Body": body, "MD5OfBody": "0"}
        event = {"Records": [event_record(message, queue_arn=self.queue_arn(queue))]}
        seen = self.invoked(function, event)
        return {**seen, **(self.became_of(job) if job else {})}

    def invoked(self, function: str, event: Mapping[str, Any]) -> Observation:
        """Observe a function's response, its log, and the growth of the queues."""
        before = {queue: self.waiting(queue) for queue in _QUEUES[2:5]}
        answer = self.cloud.client("lambda").invoke(
            FunctionName=self.cloud.functions[function], Payload=json.dumps(event), LogType="Tail"
        )
        body = json.loads(answer["Payload"].read() or b"null") or {}
        return {
            "the invocation": body.get("errorType", "fails") if "FunctionError" in answer else "ends well",
            "messages given back": len(body.get("batchItemFailures", [])),
            "said": plain(" ".join(said(base64.b64decode(answer.get("LogResult", "")).decode(errors="replace")))),
            **{f"messages in {queue}Queue": self.waiting(queue) - before[queue] for queue in before},
        }

    def became_of(self, job: str) -> Observation:
        """Observe the states of a job, its chunks and its objects."""
        found = self.client.status(job)
        return {
            "the job": str(found.state),
            "chunks": [
                f"{chunk.range.name} {chunk.state}"
                + (" parked" if chunk.parked else "")
                + (" invoked" if chunk.invoked else "")
                for chunk in self.chunks(job)
            ],
            "objects": self.keys(job),
        }

    def drop_uploads(self) -> int:
        """Abort all unfinished multipart uploads; return their number."""
        s3 = self.cloud.client("s3")
        found = s3.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])
        for each in found:
            s3.abort_multipart_upload(Bucket=self.bucket, Key=each["Key"], UploadId=each["UploadId"])
        return len(found)


def said(log: str) -> Sequence[str]:
    """Return a function's log messages with their reasons."""
    found = []
    for line in log.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and "level" in entry:
            found.append(" ".join(str(entry[name]) for name in ("message", "reason") if entry.get(name)))
    return found


def plain(text: str) -> str:
    """Return a text without the parts that differ between runs."""
    return _UNSAID.sub("…", text)
