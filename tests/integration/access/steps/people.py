"""The steps of people: the commands of producer, operator and reader, each with one policy."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from tailrace import Tailrace
from tailrace.cli.application import run
from tailrace.cli.environment import Environment, Target
from tailrace_core.jobs.model import JobState
from tailrace_core.messages.events import JobFinished
from tailrace_local.demo.demand import COLUMNS
from tailrace_local.sagemaker.messages.notifications import TEST_MESSAGE
from tests.integration.access.identities import Person
from tests.integration.access.steps.engines import Engines
from tests.integration.access.steps.scene import CLOSED, Scene, plain
from tests.integration.access.steps.step import EffectWait, Observation, Step
from tests.integration.pipeline.demand_rows import csv_bytes, demand_rows

LETTERS = ("succeeded", "failed", "retries", "results", "parked")


@dataclass(frozen=True)
class Commands:
    """Runs ``tailrace …`` as one person, in this process.

    Starting another takes longer than most commands.
    """

    scene: Scene
    person: Person

    def run(self, *arguments: str | Path, stdin: bytes = b"") -> Observation:
        """Return a command's exit code and its error message."""
        return self.printed(*arguments, stdin=stdin)[0]

    def printed(self, *arguments: str | Path, stdin: bytes = b"") -> tuple[Observation, bytes]:
        """Return the same and the command's output."""
        stdout, stderr = io.BytesIO(), io.StringIO()
        environment = Environment(connect=self._connect, stdin=io.BytesIO(stdin), stdout=stdout, stderr=stderr)
        code = run([*map(str, arguments), "--stack", self.scene.cloud.facts.stack], environment)
        errors = [line for line in stderr.getvalue().splitlines() if line.startswith("tailrace: ")]
        return {"the exit code": code, "said": plain(" ".join(errors))}, stdout.getvalue()

    def client(self) -> Tailrace:
        """Return the client behind the commands."""
        return self._connect(Target(stack=self.scene.cloud.facts.stack))

    def _connect(self, target: Target) -> Tailrace:
        return Tailrace(target.stack or "", session=self.person.session, endpoint_url=self.scene.cloud.endpoint_url)


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


class Operator:
    """Lists parked chunks and dead letters, and fixes them."""

    def __init__(self, scene: Scene, person: Person, finished: str) -> None:
        self._scene = scene
        self._person = person
        self._commands = Commands(scene, person)
        self._sqs = person.client("sqs")
        self._finished = finished

    def steps(self) -> Iterator[Step]:
        """Return all steps."""
        ask = self._commands.run
        yield Step("tailrace jobs", lambda _: ask("jobs"))
        yield Step("tailrace dlq list", lambda _: self._listed())
        yield from self._with_letters(*LETTERS, "transforms")
        yield Step("tailrace dlq peek reconcile-jobs", functools.partial(self._peeked, "reconcile-jobs"))
        yield Step("delete a tick that was given up, with the AWS CLI", self._deleted)
        yield Step("tailrace parked list", lambda _: self._parked("list", "--max", "1"))
        yield Step("tailrace parked list --job", lambda _: self._parked("list", "--job", "{job}"))
        yield Step("tailrace parked show", lambda _: self._parked("show", "{job}", "{range}"))
        yield Step("tailrace parked show --input", lambda _: self._parked("show", "{job}", "{range}", "--input"))
        yield Step(
            "tailrace parked show --input, of an input that is lost",
            lambda _: self._parked("show", "{job}", "{range}", "--input", lost=True),
        )
        yield Step("tailrace parked redrive --edit", lambda _: self._edited())
        yield Step(
            "tailrace parked discard",
            lambda _: self._parked("discard", "{job}", "{range}", "--reason", "closed", "--yes"),
        )
        yield Step("tailrace rejects", lambda _: ask("rejects", self._finished))
        yield Step("tailrace status", lambda _: ask("status", self._finished))
        yield Step("tailrace wait", lambda _: ask("wait", self._finished))
        yield Step(
            "tailrace report", lambda _: ask("report", self._finished, "--output", self._scene.folder / "r.html")
        )
        yield Step(
            "tailrace download", lambda _: ask("download", self._finished, "--output", self._scene.folder / "o.csv")
        )
        yield Step("tailrace cancel", lambda _: ask("cancel", self._scene.unanswered()))
        yield Step("tailrace parked redrive", lambda _: self._parked("redrive", "{job}", "{range}"))
        yield Step(
            "tailrace parked redrive --all", lambda _: self._parked("redrive", "--all", "--job", "{job}", "--yes")
        )
        yield Step("tailrace cancel, via transform", lambda _: ask("cancel", self._scene.submit("", via="transform")))
        for name, command in self._looks().items():
            yield Step(name, functools.partial(self._looked, command))
        for operation in ("describe", "stop"):
            yield Step(f"aws sagemaker {operation}-transform-job", functools.partial(self._transform_job, operation))

    def scored_directly(self) -> Iterator[Step]:
        """Return the steps that differ where ScoreChunks invokes the endpoint."""
        yield Step("tailrace dlq list", lambda _: self._listed())
        yield from self._with_letters("scoring")

    def _with_letters(self, *names: str) -> Iterator[Step]:
        for name in names:
            yield Step(f"tailrace dlq peek {name}", functools.partial(self._peeked, name))
        for name in names:
            yield Step(f"tailrace dlq redrive {name}", functools.partial(self._redriven, name))

    def _transform_job(self, operation: str, _: EffectWait) -> Observation:
        client = self._person.client("sagemaker")
        with Engines(self._scene, "transform").running_round() as (_job, name):
            return self._looked(lambda: getattr(client, f"{operation}_transform_job")(TransformJobName=name))

    def _looks(self) -> dict[str, Callable[[], Any]]:
        """The commands of the AWS CLI in docs/operations.md, as boto3 makes their requests."""
        outputs, client = self._scene.cloud.outputs, self._person.client
        endpoint, scaling = {"EndpointName": outputs["EndpointName"]}, {"ServiceNamespace": "sagemaker"}
        schedule = self._scene.own_schedule()
        one = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 1}]
        return {
            "aws sagemaker describe-endpoint": lambda: client("sagemaker").describe_endpoint(**endpoint),
            "aws sagemaker update-endpoint-weights-and-capacities": lambda: client(
                "sagemaker"
            ).update_endpoint_weights_and_capacities(**endpoint, DesiredWeightsAndCapacities=one),
            "aws application-autoscaling describe-scaling-activities": lambda: client(
                "application-autoscaling"
            ).describe_scaling_activities(**scaling),
            "aws application-autoscaling describe-scalable-targets": lambda: client(
                "application-autoscaling"
            ).describe_scalable_targets(**scaling),
            "aws cloudwatch describe-alarms": lambda: client("cloudwatch").describe_alarms(StateValue="ALARM"),
            "tailrace console: the endpoint's backlog": lambda: client("cloudwatch").get_metric_statistics(
                Namespace="AWS/SageMaker",
                MetricName="ApproximateBacklogSize",
                Dimensions=[{"Name": "EndpointName", "Value": outputs["EndpointName"]}],
                StartTime=datetime.fromtimestamp(0, UTC),
                EndTime=datetime.fromtimestamp(60, UTC),
                Period=60,
                Statistics=["Average"],
            ),
            "aws lambda get-account-settings": lambda: client("lambda").get_account_settings(),
            "aws lambda list-event-source-mappings": lambda: client("lambda").list_event_source_mappings(
                FunctionName=self._scene.cloud.functions["CollectResults"]
            ),
            "aws scheduler get-schedule": lambda: client("scheduler").get_schedule(
                Name=schedule["Name"], GroupName=schedule["GroupName"]
            ),
            "aws sns list-subscriptions-by-topic": lambda: client("sns").list_subscriptions_by_topic(
                TopicArn=outputs["ResultsTopic"]
            ),
        }

    def _looked(self, command: Callable[[], Any], _: EffectWait | None = None) -> Observation:
        try:
            command()
        except ClientError as error:
            return {"the answer": plain(str(error))}
        return {"the answer": "comes"}

    def _listed(self) -> Observation:
        seen, printed = self._commands.printed("dlq", "list")
        return {**seen, "printed": printed.decode()}

    def _letter(self, name: str, body: str = TEST_MESSAGE) -> str:
        """Return the URL of a dead-letter queue that holds one message."""
        sqs, title = self._scene.cloud.client("sqs"), name.title().replace("-", "")
        url: str = self._scene.cloud.outputs[f"{title}DeadLetterQueue"]
        sqs.purge_queue(QueueUrl=url)
        sqs.send_message(QueueUrl=url, MessageBody=body)
        return url

    def _peeked(self, name: str, _: EffectWait) -> Observation:
        url = self._letter(name, "{}" if name == "reconcile-jobs" else TEST_MESSAGE)
        seen = self._commands.run("dlq", "peek", name, "--max", "1")
        return {**seen, "hidden letters": self._hidden(url)}

    def _hidden(self, url: str) -> Any:
        """Return the number of a queue's invisible messages: peeked ones become visible again."""
        names = ["ApproximateNumberOfMessagesNotVisible"]
        return self._scene.cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]

    def _redriven(self, name: str, _: EffectWait) -> Observation:
        self._letter(name)
        seen = self._commands.run("dlq", "redrive", name, "--yes")
        return {**seen, "letters": self._scene.waiting(f"{name.title()}DeadLetter")}

    def _deleted(self, _: EffectWait) -> Observation:
        url = self._letter("reconcile-jobs", "{}")
        try:
            (letter,) = self._sqs.receive_message(QueueUrl=url)["Messages"]
            self._sqs.delete_message(QueueUrl=url, ReceiptHandle=letter["ReceiptHandle"])
        except ClientError as error:
            return {"the letter": plain(str(error))}
        return {"the letter": "is gone"}

    def _chunk(self) -> tuple[str, str]:
        """Create a job whose one chunk is parked.

        Return it and the chunk's range as people write it.
        """
        scene = self._scene
        scene.cloud.client("sqs").purge_queue(QueueUrl=scene.cloud.outputs["ParkedQueue"])
        job = scene.submit(CLOSED)
        scene.after("HandleFailures", "Failed", job)
        (chunk,) = scene.chunks(job)
        key = str(chunk.failure_location).removeprefix(f"s3://{scene.bucket}/")
        scene.cloud.client("s3").put_object(Bucket=scene.bucket, Key=key, Body=b"the disk is full")
        return job, "0-1"

    def _parked(self, *arguments: str, lost: bool = False) -> Observation:
        job, rows = self._chunk()
        if lost:
            scene, (chunk,) = self._scene, self._scene.chunks(job)
            scene.cloud.client("s3").delete_object(
                Bucket=scene.bucket, Key=f"v1/jobs/{job}/input/{chunk.range.name}.csv"
            )
        named = [each.format(job=job, range=rows) for each in arguments]
        seen, printed = self._commands.printed("parked", *named)
        hidden = self._hidden(self._scene.cloud.outputs["ParkedQueue"])
        return {**seen, "printed": plain(printed.decode(errors="replace")), "hidden messages": hidden}

    def _edited(self) -> Observation:
        job, rows = self._chunk()
        corrected = csv_bytes(demand_rows(1, seed=4), header=None)
        return self._commands.run("parked", "redrive", job, rows, "--edit", "-", stdin=corrected)


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
