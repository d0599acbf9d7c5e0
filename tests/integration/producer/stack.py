"""A stack on moto with everything that the producer touches, and a stand-in for the pipeline behind the endpoint."""

from __future__ import annotations

import json
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Any

from tailrace.aws.connections import translate_errors
from tailrace_core.aws.calls import Call
from tailrace_core.csv_text.rejects import read_rejects
from tailrace_core.jobs.model import Chunk, ChunkState
from tailrace_core.ledger.dynamo_ledger import DynamoLedger
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.ledger.finishing import finish_if_complete
from tailrace_core.ledger.rules import Settlement
from tailrace_core.objects import keys
from tailrace_core.objects.checksums import checksum
from tests.integration.producer.sessions import sync_session

NAME = "demo"
_KEYS = {"job": "HASH", "item": "RANGE"}


def template() -> str:
    """CloudFormation for moto: the outputs that clients discover a stack by."""
    strings = ["job", "item", "due_shard", "kind", "created_at"]

    def index(name: str, partition: str, sort: str) -> dict[str, Any]:
        schema = [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]
        return {"IndexName": name, "KeySchema": schema, "Projection": {"ProjectionType": "KEYS_ONLY"}}

    table = {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            *({"AttributeName": name, "AttributeType": "S"} for name in strings),
            {"AttributeName": "due_at", "AttributeType": "N"},
        ],
        "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in _KEYS.items()],
        "GlobalSecondaryIndexes": [index("due", "due_shard", "due_at"), index("created", "kind", "created_at")],
    }
    resources: dict[str, dict[str, Any]] = {
        "Bucket": {"Type": "AWS::S3::Bucket"},
        "LedgerTable": {"Type": "AWS::DynamoDB::Table", "Properties": table},
        "ResultsTopic": {"Type": "AWS::SNS::Topic"},
        "ResultsQueue": {"Type": "AWS::SQS::Queue"},
        "ParkedQueue": {"Type": "AWS::SQS::Queue"},
    }
    outputs: dict[str, Any] = {name: {"Value": {"Ref": name}} for name in resources}
    outputs["EndpointName"] = {"Value": "model"}
    return json.dumps({"Resources": resources, "Outputs": outputs})


def deploy(client: Callable[[str], Any]) -> None:
    """Put the stack and its endpoint up."""
    client("cloudformation").create_stack(StackName=NAME, TemplateBody=template())
    sagemaker = client("sagemaker")
    sagemaker.create_model(ModelName="m", ExecutionRoleArn="arn:aws:iam::123456789012:role/endpoint-role")
    variant = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="model", EndpointConfigName="c")


@dataclass
class Pipeline:
    """Scores every open chunk as the consumers would: the prediction of a row is its first field, upside down."""

    client: Callable[[str], Any]
    bucket: str
    table: str
    topic: str

    def ledger(self) -> DynamoLedger:
        """The stack's ledger."""
        return DynamoLedger(DynamoSteps(self.table), self._execute)

    def score(self, job_id: str, now: float = 1.0, *, only: Container[int] | None = None) -> None:
        """Settle the open chunks, or those ``only`` by number, and finish the job if it is complete."""
        ledger = self.ledger()
        for number, chunk in enumerate(list(ledger.chunks(job_id))):
            if chunk.state is ChunkState.OPEN and (only is None or number in only):
                self._score(ledger, chunk)
        finish_if_complete(job_id, ledger=ledger, store=self, publisher=self, now=now)

    def put_manifest(self, key: str, body: bytes) -> str:
        """Store the manifest."""
        self.client("s3").put_object(Bucket=self.bucket, Key=key, Body=body)
        return f"s3://{self.bucket}/{key}"

    def publish(self, _: object) -> None:
        """Say nothing."""

    def read(self, key: str) -> bytes:
        """An object."""
        body: bytes = self.client("s3").get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body

    def object_keys(self) -> list[str]:
        """All objects."""
        listed = self.client("s3").list_objects_v2(Bucket=self.bucket)
        return [each["Key"] for each in listed.get("Contents", ())]

    def _score(self, ledger: DynamoLedger, chunk: Chunk) -> None:
        settings = ledger.settings(chunk.job_id)
        assert settings is not None
        sent = iter(self.read(keys.input_key(chunk.job_id, chunk.range)).splitlines())
        bad: set[int] = set()
        if chunk.rejected:
            bad = {each.row for each in read_rejects(self.read(keys.rejects_key(chunk.job_id, chunk.range)))}
        rows = range(chunk.range.first_row, chunk.range.end)
        answers = [b"" if row in bad else next(sent).split(b",")[0][::-1] for row in rows]
        if settings.has_kept_columns:
            kept = self.read(keys.kept_key(chunk.job_id, chunk.range)).splitlines()
            lines = [each + b"," + answer for each, answer in zip(kept, answers, strict=True)]
        else:
            lines = [answer or b'""' for answer in answers]
        part = b"".join(line + b"\n" for line in lines)
        self.client("s3").put_object(Bucket=self.bucket, Key=keys.part_key(chunk.job_id, chunk.range), Body=part)
        end = Settlement(
            job_id=chunk.job_id,
            range=chunk.range,
            state=ChunkState.SCORED,
            rejected=chunk.rejected,
            part_checksum=checksum(part),
            part_bytes=len(part),
        )
        ledger.settle(end)

    def _execute(self, call: Call) -> Any:
        with translate_errors(call):
            return getattr(self.client(call.service), call.operation)(**call.params)


def pipeline(client: Callable[[str], Any]) -> Pipeline:
    """The pipeline of the deployed stack."""
    described = client("cloudformation").describe_stacks(StackName=NAME)["Stacks"][0]["Outputs"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in described}
    return Pipeline(client, outputs["Bucket"], outputs["LedgerTable"], outputs["ResultsTopic"])


def clients(url: str) -> Callable[[str], Any]:
    """Clients of the server at ``url``, one for each service."""
    session = sync_session()
    made: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in made:
            made[service] = session.client(service, endpoint_url=url)
        return made[service]

    return client
