"""The functions over moto.

One stack's resources, an endpoint that only records, and a job in the ledger.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

import boto3

from tailrace_consumers.adapters.executor import BotocoreExecutor
from tailrace_consumers.composition import Composition, aws_adapters
from tailrace_consumers.settings import Settings
from tailrace_core.aws.calls import Call
from tailrace_core.csv_text.rejects import Reject, write_rejects
from tailrace_core.errors import TailraceError
from tailrace_core.jobs.model import Chunk, Job, JobSettings, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.objects import keys

JOB_ID = "01JD0000000000000000000000"
REGION = "eu-west-1"
BUCKET = "tailrace-test"
NOW = 1_700_000_000.0


@dataclass
class Stack:
    settings: Settings
    results_queue: str
    invoked: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[TailraceError] = field(default_factory=list)
    """Errors that the next invocations raise, in order."""
    delays_s: list[int] = field(default_factory=list)
    """The delays of the messages sent; the tests do not wait for them."""
    now: float = NOW

    def __post_init__(self) -> None:
        self._boto3 = BotocoreExecutor(lambda service: boto3.client(service, region_name=REGION))

    def execute(self, call: Call) -> Any:
        if call.operation == "send_message":
            self.delays_s.append(call.params.get("DelaySeconds", 0))
            return self._boto3(replace(call, params={**call.params, "DelaySeconds": 0}))
        if call.service != "sagemaker-runtime":
            return self._boto3(call)
        if self.refusals:
            raise self.refusals.pop(0)
        self.invoked.append(dict(call.params))
        name = call.params["InferenceId"]
        return {
            "InferenceId": name,
            "OutputLocation": f"s3://{BUCKET}/{keys.OUTPUTS}{name}.out",
            "FailureLocation": f"s3://{BUCKET}/{keys.FAILURES}{name}-error.out",
        }

    def composition(self) -> Composition:
        return Composition(self.settings, aws_adapters(self.settings, self.execute, clock=lambda: self.now))

    def put(self, key: str, body: bytes) -> None:
        self.execute(Call("s3", "put_object", {"Bucket": BUCKET, "Key": key, "Body": body}))

    def get(self, key: str) -> bytes:
        body: bytes = self.execute(Call("s3", "get_object", {"Bucket": BUCKET, "Key": key}))["Body"].read()
        return body

    def received(self, queue: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        request = Call("sqs", "receive_message", {"QueueUrl": queue, "MaxNumberOfMessages": 10})
        while messages := self.execute(request).get("Messages"):
            found += [json.loads(message["Body"]) for message in messages]
        return found

    def add_job(self, **settings: Any) -> JobSettings:
        made = JobSettings(endpoint_name=self.settings.endpoint_name, **settings)
        job = Job(
            job_id=JOB_ID,
            state=JobState.SUBMITTING,
            created_at=NOW,
            deadline_at=NOW + 86_400,
            split_budget=made.split_budget,
        )
        assert self.composition().ledger.create_job(job, made)
        return made

    def add_chunk(
        self, rows: RowRange, sent: bytes, kept: bytes | None = None, rejects: tuple[Reject, ...] = ()
    ) -> Chunk:
        """Add an open chunk and invoke it as the producer does."""
        made = self.composition()
        self.put(keys.input_key(JOB_ID, rows), sent)
        if kept is not None:
            self.put(keys.kept_key(JOB_ID, rows), kept)
        if rejects:
            self.put(keys.rejects_key(JOB_ID, rows), write_rejects(rejects))
        chunk = Chunk(job_id=JOB_ID, range=rows, due_at=NOW + 300, rejected=len(rejects))
        assert made.ledger.open_chunk(chunk) == "opened"
        settings = made.ledger.settings(JOB_ID)
        assert settings is not None
        assert made.attempts.invoke(chunk, settings)
        return chunk

    def answer(self, inference_id: str, body: bytes) -> dict[str, Any]:
        """Store the output of an invocation; return its notification."""
        self.put(f"{keys.OUTPUTS}{inference_id}.out", body)
        location = f"s3://{BUCKET}/{keys.OUTPUTS}{inference_id}.out"
        return self.notification(inference_id, "Completed", {"outputLocation": location})

    def failure(self, inference_id: str, reason: str) -> dict[str, Any]:
        return {**self.notification(inference_id, "Failed", {}), "failureReason": reason}

    def notification(self, inference_id: str, status: str, response: dict[str, str]) -> dict[str, Any]:
        return {
            "eventVersion": "1.0",
            "eventSource": "aws:sagemaker",
            "eventName": "InferenceResult",
            "invocationStatus": status,
            "inferenceId": inference_id,
            "requestParameters": {"endpointName": self.settings.endpoint_name},
            "responseParameters": response,
        }


def make_stack() -> Stack:
    """Create the resources that functions see, as template.yaml does. Moto must be active."""
    s3, sqs, sns, dynamodb = (boto3.client(name, region_name=REGION) for name in ("s3", "sqs", "sns", "dynamodb"))
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    urls = {
        name: sqs.create_queue(QueueName=name)["QueueUrl"]
        for name in ("retries", "parked", "results", "succeeded", "failed")
    }
    topic = sns.create_topic(Name="results")["TopicArn"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=urls["results"], AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn, Attributes={"RawMessageDelivery": "true"})
    dynamodb.create_table(
        TableName="ledger",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "job", "KeyType": "HASH"}, {"AttributeName": "item", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": kind}
            for name, kind in (
                ("job", "S"), ("item", "S"), ("due_shard", "S"), ("due_at", "N"), ("kind", "S"), ("created_at", "S"),
            )
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": index,
                "KeySchema": [{"AttributeName": first, "KeyType": "HASH"}, {"AttributeName": then, "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
            for index, first, then in (("due", "due_shard", "due_at"), ("created", "kind", "created_at"))
        ],
    )  # fmt: skip
    settings = Settings(
        bucket=BUCKET,
        ledger_table="ledger",
        results_topic=topic,
        retries_queue=urls["retries"],
        parked_queue=urls["parked"],
        endpoint_name="demand",
        succeeded_queue=urls["succeeded"],
        failed_queue=urls["failed"],
    )
    return Stack(settings, urls["results"])
