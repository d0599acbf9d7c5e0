"""The steps of the producer and of the reader, each with one policy."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from tailrace_core.jobs.model import JobState
from tailrace_core.messages.events import JobFinished
from tailrace_local.demo.demand import COLUMNS
from tests.integration.access.identities import Person
from tests.integration.access.steps.commands import Commands, execution_looks, looked
from tests.integration.access.steps.cutting import counted_job
from tests.integration.access.steps.scene import Scene, plain
from tests.integration.access.steps.sources import CSV, LAKE, SOURCE_KEYS, RemoteJobs
from tests.integration.access.steps.step import EffectWait, Observation, Step
from tests.integration.pipeline.demand_rows import csv_bytes, demand_rows


class Producer:
    """Submits, watches, cancels, downloads. ``finished`` is a finished job with rejected rows."""

    def __init__(self, scene: Scene, person: Person, finished: str) -> None:
        self._scene = scene
        self._commands = Commands(scene, person)
        self._finished = finished

    def steps(self) -> Iterator[Step]:
        """Return all steps."""
        ask, finished = self._commands.run, self._finished
        yield Step("tailrace status", lambda _: ask("status", finished))
        yield Step("tailrace jobs", lambda _: ask("jobs"))
        yield Step("tailrace rejects", lambda _: ask("rejects", finished))
        yield Step("tailrace download", lambda _: ask("download", finished, "--output", self._scene.folder / "out.csv"))
        yield Step("tailrace cancel", lambda _: ask("cancel", self._scene.unanswered()))
        yield Step("tailrace submit", lambda _: self._submitted(8, ragged=2))
        yield Step("tailrace submit of rows that cannot be sent", lambda _: self._submitted(0, ragged=2))
        yield Step("tailrace submit, again", lambda _: self._again())
        yield Step("tailrace submit, to an endpoint that is gone", lambda _: self._nowhere())
        yield Step("tailrace submit --via transform", lambda _: self._submitted(8, "--via", "transform", ragged=0))
        yield Step("tailrace cancel, via transform", lambda _: ask("cancel", self._scene.submit("", via="transform")))
        yield Step("tailrace submit --remote", lambda _: self._submitted_remotely())
        yield Step("tailrace submit --remote, again", lambda _: self._again_remotely())
        yield Step("tailrace status of a job that is being cut", lambda _: self._watched())
        yield Step("tailrace cancel of a job that is being cut", lambda _: self._commands.cancelled_cutting())
        for name, command in execution_looks(self._scene, self._commands.person).items():
            yield Step(name, functools.partial(looked, command))

    def _submitted_remotely(self) -> Observation:
        with self._sources():
            source = RemoteJobs(self._scene).put(CSV)
            return self._commands.run("submit", f"s3://{LAKE}/{source.key}", "--remote")

    def _again_remotely(self) -> Observation:
        with self._sources():
            folder = RemoteJobs(self._scene).put(CSV).key.rpartition("/")[0]
            command = ("submit", f"s3://{LAKE}/{folder}/", "--remote", "--job-key", uuid4().hex)
            return {"at first": self._commands.run(*command), **self._commands.run(*command)}

    @contextmanager
    def _sources(self) -> Iterator[None]:
        """Let the producer read and list the sources, by another policy."""
        iam, policy = self._scene.cloud.client("iam"), {"UserName": self._commands.person.name, "PolicyName": "Sources"}
        bucket = f"arn:aws:s3:::{LAKE}"
        reading = {"s3:GetObject": f"{bucket}/*", "s3:ListBucket": bucket, "kms:Decrypt": SOURCE_KEYS}
        statements = [{"Effect": "Allow", "Action": action, "Resource": on} for action, on in reading.items()]
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_user_policy(**policy, PolicyDocument=document)
        try:
            yield
        finally:
            iam.delete_user_policy(**policy)

    def _watched(self) -> Observation:
        job, _ = counted_job(self._scene)
        with self._commands.client() as client:
            return {"the cutting": plain(str(client.cutting(job)))}

    def scored_directly(self) -> Iterator[Step]:
        """Return the steps that differ where ScoreChunks invokes the endpoint."""
        yield Step("tailrace submit --via realtime", lambda _: self._submitted(8, "--via", "realtime", ragged=0))

    def _submitted(self, count: int, *more: str, ragged: int, key: str = "") -> Observation:
        rows = [["key", *row] for row in demand_rows(count, seed=3)]
        source = self._scene.folder / "produced.csv"
        source.write_bytes(csv_bytes(rows, header=("key", *COLUMNS)) + b"ragged\n" * ragged)
        options = ("--keep", "key", "--chunk-rows", "4", *(("--job-key", key) if key else ()), *more)
        return self._commands.run("submit", source, *options)

    def _nowhere(self) -> Observation:
        with self._scene.without_endpoint():
            return self._submitted(1, ragged=0)

    def _again(self) -> Observation:
        key = uuid4().hex
        return {"at first": self._submitted(4, ragged=0, key=key), **self._submitted(4, ragged=0, key=key)}


class Reader:
    """Reads results as a foreign service does: a process, or a function behind a mapping."""

    def __init__(self, scene: Scene, person: Person, function: str, finished: str) -> None:
        self._scene = scene
        self._person = person
        self._commands = Commands(scene, person)
        self._function = function
        self._finished = finished

    def steps(self) -> Iterator[Step]:
        """Return all steps."""
        yield Step("map a function to the queue", lambda _: self._mapped())
        yield Step("give back what was not worked on", lambda _: self._given_back())
        yield Step("tailrace results", lambda _: self._read())
        for name in ("parts", "rejects", "manifest"):
            yield Step(f"fetch {name}", functools.partial(self._fetched, name))

    def _fill(self, count: int) -> None:
        sqs, url = self._scene.cloud.client("sqs"), self._scene.cloud.outputs["ResultsQueue"]
        sqs.purge_queue(QueueUrl=url)
        for number in range(count):
            event = JobFinished(
                event_id=f"{number}:{uuid4().hex}",
                job_id=self._finished,
                endpoint="e",
                state=JobState.COMPLETED,
                rows_total=1,
                rows_scored=1,
                rows_rejected=0,
                rows_cancelled=0,
                manifest_location=f"s3://{self._scene.bucket}/v1/jobs/{self._finished}/manifest.json",
                finished_at=1.0,
            )
            sqs.send_message(QueueUrl=url, MessageBody=event.to_json())

    def _given_back(self) -> Observation:
        self._fill(3)
        try:
            with self._commands.client() as client, client.results() as reader:
                next(iter(reader))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is seen
            return {"reading": plain(str(error))}
        url = self._scene.cloud.outputs["ResultsQueue"]
        names = ["ApproximateNumberOfMessagesNotVisible"]
        found = self._scene.cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)
        return {"reading": "ends well", "messages hidden": found["Attributes"]}

    def _read(self) -> Observation:
        self._fill(1)
        seen = self._commands.run("results", "--json")
        return {**seen, "messages left": self._scene.waiting("Results")}

    def _fetched(self, what: str, _: EffectWait) -> Observation:
        keys = [key for key in self._scene.keys(self._finished) if key.startswith(what)]
        try:
            for key in keys:
                self._person.client("s3").get_object(Bucket=self._scene.bucket, Key=f"v1/jobs/{self._finished}/{key}")
        except ClientError as error:
            return {"the object": plain(str(error))}
        return {"the object": f"is read ({len(keys) > 0})"}

    def _mapped(self) -> Observation:
        client: Any = self._scene.cloud.client("lambda")
        try:
            made = client.create_event_source_mapping(
                FunctionName=self._function, EventSourceArn=self._scene.queue_arn("Results"), Enabled=False
            )
        except client.exceptions.InvalidParameterValueException:
            return {"the mapping": "is refused"}
        client.delete_event_source_mapping(UUID=made["UUID"])
        return {"the mapping": "is made"}
