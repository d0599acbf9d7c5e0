"""The steps of the operator: dead letters, parked chunks, and the commands of the runbook."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from tailrace_local.sagemaker.messages.notifications import TEST_MESSAGE
from tests.integration.access.identities import Person
from tests.integration.access.steps.commands import Commands, execution_looks, looked
from tests.integration.access.steps.engines import Engines
from tests.integration.access.steps.scene import CLOSED, Scene, plain
from tests.integration.access.steps.step import EffectWait, Observation, Step
from tests.integration.pipeline.demand_rows import csv_bytes, demand_rows

FILES = ("cutting-ends", "inbox", "outbox")
LETTERS = ("succeeded", "failed", "retries", "results", "parked")


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
        yield from self._with_letters(*LETTERS, "transforms", *FILES)
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
        yield Step("tailrace cancel of a job that is being cut", lambda _: self._commands.cancelled_cutting())
        for name, command in self._looks().items():
            yield Step(name, functools.partial(looked, command))
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
            return looked(lambda: getattr(client, f"{operation}_transform_job")(TransformJobName=name))

    def _looks(self) -> dict[str, Callable[[], Any]]:
        """The commands of the AWS CLI in docs/operations.md, as boto3 makes their requests."""
        outputs, client = self._scene.cloud.outputs, self._person.client
        endpoint, scaling = {"EndpointName": outputs["EndpointName"]}, {"ServiceNamespace": "sagemaker"}
        schedule = self._scene.own_schedule()
        one = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 1}]
        return {
            **execution_looks(self._scene, self._person),
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

    def _listed(self) -> Observation:
        seen, printed = self._commands.printed("dlq", "list")
        lines = printed.decode().splitlines()
        return {**seen, "lines": lines, "printed": "; ".join(each for each in lines if each.endswith("?"))}

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
        return {**seen, "letters": self._scene.waiting(f"{name.title().replace('-', '')}DeadLetter")}

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
