"""Conformance of the cloud in memory with moto: the same operations give the same results."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tailrace_consumers.adapters.executor import BotocoreExecutor
from tailrace_core.errors import TailraceError
from tailrace_core.jobs.history import HistoryEntry, HistoryEvent
from tailrace_core.jobs.model import EARLY_ENDS, Chunk, ChunkState, Job, JobSettings, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.due_items import DueItem
from tailrace_core.ledger.dynamo_ledger import DynamoLedger
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.ledger.port import JobKey
from tailrace_core.ledger.rules import Settlement
from tests.faults.memory_aws.cloud import BUCKET, START, SUCCEEDED, TABLE, Cloud

Client = Callable[[str], Any]
JOB = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
RANGES = [RowRange(0, 4), RowRange(4, 4), RowRange(0, 2), RowRange(2, 2)]


@pytest.fixture
def moto_client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        clients: dict[str, Any] = {}

        def client(service: str) -> Any:
            return clients.setdefault(service, boto3.client(service, region_name="eu-west-1"))

        client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        _create_table(client("dynamodb"))
        yield client


def _create_table(dynamodb: Any) -> None:
    def schema(partition: str, sort: str) -> list[dict[str, str]]:
        return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]

    def index(name: str, partition: str, sort: str) -> dict[str, Any]:
        return {
            "IndexName": name,
            "KeySchema": schema(partition, sort),
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }

    types = dict.fromkeys(("job", "item", "due_shard", "kind", "created_at"), "S") | {"due_at": "N"}
    dynamodb.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()],
        KeySchema=schema("job", "item"),
        GlobalSecondaryIndexes=[index("due", "due_shard", "due_at"), index("created", "kind", "created_at")],
    )


def _ledger_of(client: Client) -> DynamoLedger:
    return DynamoLedger(DynamoSteps(TABLE), BotocoreExecutor(client))


def _operations(source: random.Random) -> Iterator[Callable[[DynamoLedger], Any]]:
    """Yield random operations on one job, many of them refused."""
    job = Job(job_id=JOB, state=JobState.SUBMITTING, created_at=START, deadline_at=START + 900, split_budget=1)
    settings = JobSettings(endpoint_name="demand")
    yield lambda ledger: ledger.create_job(job, settings, JobKey("k", "f"))
    yield lambda ledger: ledger.create_job(job, settings, JobKey("k", "f"))
    for _ in range(40):
        rows = source.choice(RANGES)
        due = START + source.choice((0, 100, 1_000))
        chunk = Chunk(job_id=JOB, range=rows, due_at=due, attempt=source.choice((1, 1, 2)), reason="why")
        yield source.choice(_choices(chunk, source))
        yield lambda ledger: (ledger.job(JOB), list(ledger.chunks(JOB)))
    yield lambda ledger: sorted(ledger.overdue(START + 500, 10), key=str)
    yield lambda ledger: (ledger.jobs(5), ledger.find_job_key("k"), ledger.find_job_key("other"), ledger.settings(JOB))


ENTRY = HistoryEntry(at=START + 2, what=HistoryEvent.FAILED, attempt=1, failure="500")


def _choices(chunk: Chunk, source: random.Random) -> list[Callable[[DynamoLedger], Any]]:
    first = replace(chunk, attempt=1)
    left, right = (replace(first, range=each) for each in chunk.range.split_at(chunk.range.first_row + 1))
    attempt = source.choice((None, chunk.attempt))
    state = source.choice((ChunkState.SCORED, ChunkState.SCORED, ChunkState.REJECTED, ChunkState.CANCELLED))
    rejected = chunk.range.rows if state is ChunkState.REJECTED else 0
    end = Settlement(
        job_id=JOB, range=chunk.range, state=state, attempt=attempt, rejected=rejected, part_checksum="crc32:0"
    )
    beside = replace(end, range=left.range, rejected=0, state=ChunkState.SCORED)
    outcome = source.choice(sorted(EARLY_ENDS))
    total = source.choice((4, 8, 8, 8))
    opening: list[Callable[[DynamoLedger], Any]] = [lambda ledger: ledger.open_chunk(first)] * 4
    rare: list[Callable[[DynamoLedger], Any]] = [lambda ledger: ledger.close(JOB, outcome, "over")]
    usual: list[Callable[[DynamoLedger], Any]] = [
        lambda ledger: ledger.add_rejected(first),
        lambda ledger: ledger.add_cancelled(first),
        lambda ledger: ledger.begin_attempt(chunk, ENTRY),
        lambda ledger: ledger.confirm(replace(chunk, output_location="s3://b/o", invoked_at=START + 1)),
        lambda ledger: ledger.postpone(chunk, ENTRY),
        lambda ledger: ledger.add_history(JOB, chunk.range, ENTRY),
        lambda ledger: (ledger.attention(3), ledger.chunks_of([(JOB, chunk.range)])),
        lambda ledger: ledger.park(replace(chunk, parked_at=START + 3), ENTRY),
        lambda ledger: ledger.settle(end),
        lambda ledger: ledger.settle_all([end, beside]),
        lambda ledger: ledger.split(first, left, right),
        lambda ledger: ledger.split(first, left, replace(right, attempt=0, tries=0), window=1),
        lambda ledger: ledger.claim(_job_of(ledger), 3, START + 9),
        lambda ledger: ledger.postpone_failed(DueItem(JOB, chunk.range, chunk.due_at or 0.0), START + 11),
        lambda ledger: ledger.seal(JOB, total),
        lambda ledger: ledger.start_finishing(JOB, START + 5),
        lambda ledger: ledger.finish(JOB),
        lambda ledger: ledger.postpone_job(JOB, START + 7),
    ]
    return opening + usual * 2 + rare


def _job_of(ledger: DynamoLedger) -> Job:
    job = ledger.job(JOB)
    assert job is not None
    return job


def _said(operation: Callable[[DynamoLedger], Any], ledger: DynamoLedger) -> Any:
    try:
        return operation(ledger)
    except (TailraceError, ValueError) as exc:
        return type(exc)


@pytest.mark.parametrize("seed", range(3))
def test_a_ledger_in_memory_lives_as_one_on_moto(seed: int, moto_client: Client) -> None:
    mine, theirs = _ledger_of(Cloud().client), _ledger_of(moto_client)
    for number, operation in enumerate(_operations(random.Random(seed))):
        assert _said(operation, mine) == _said(operation, theirs), number


def _objects(client: Client) -> Iterator[Any]:
    s3 = client("s3")

    def tried(operation: str, **params: Any) -> Any:
        try:
            return getattr(s3, operation)(Bucket=BUCKET, **params)
        except ClientError as exc:
            return exc.response["Error"]["Code"], exc.response["ResponseMetadata"]["HTTPStatusCode"]

    yield tried("get_object", Key="a")
    yield tried("head_object", Key="a")
    yield "ETag" in tried("put_object", Key="a", Body=b"one", Metadata={"x": "1"}, IfNoneMatch="*")
    yield tried("put_object", Key="a", Body=b"two", IfNoneMatch="*")
    found = tried("get_object", Key="a")
    yield found["Body"].read(), found["ContentLength"], found["Metadata"]
    yield tried("get_object", Key="a", Range="bytes=1-1")["Body"].read()
    found = tried("head_object", Key="a")
    yield found["ContentLength"], found["Metadata"]
    upload = tried("create_multipart_upload", Key="b", Metadata={"y": "2"})["UploadId"]
    tag = tried("upload_part", Key="b", UploadId=upload, PartNumber=1, Body=b"three")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": tag}]}
    tried("complete_multipart_upload", Key="b", UploadId=upload, MultipartUpload=parts, IfNoneMatch="*")
    found = tried("get_object", Key="b")
    yield found["Body"].read(), found["Metadata"]
    yield tried("abort_multipart_upload", Key="b", UploadId="none")


def test_objects_in_memory_are_as_on_moto(moto_client: Client) -> None:
    assert list(_objects(Cloud().client)) == list(_objects(moto_client))


def _messages(client: Client, url: str) -> Iterator[Any]:
    sqs = client("sqs")
    for body in ("one", "two"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    sqs.send_message(QueueUrl=url, MessageBody="late", DelaySeconds=900)
    received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    yield sorted(each["Body"] for each in received)
    yield sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for each in received:
        if each["Body"] == "one":
            sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
        else:
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"], VisibilityTimeout=0)
    yield [each["Body"] for each in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]]
    with pytest.raises(ClientError) as caught:
        sqs.send_message(QueueUrl=url + "-none", MessageBody="x")
    yield caught.value.response["Error"]["Code"]


def test_queues_in_memory_are_as_on_moto(moto_client: Client) -> None:
    url = moto_client("sqs").create_queue(QueueName="q", Attributes={"VisibilityTimeout": "300"})["QueueUrl"]
    assert list(_messages(Cloud().client, SUCCEEDED)) == list(_messages(moto_client, url))


def test_a_message_received_too_often_goes_to_the_dead_letters() -> None:
    cloud = Cloud()
    cloud.sqs.send_message(QueueUrl=SUCCEEDED, MessageBody="x")
    for _ in range(5):
        assert cloud.sqs.receive_message(QueueUrl=SUCCEEDED)["Messages"]
        cloud.clock.advance(720)
    assert cloud.sqs.receive_message(QueueUrl=SUCCEEDED) == {}
    assert [each.body for each in cloud.queue(f"{SUCCEEDED}-dead").messages.values()] == ["x"]


def test_a_transaction_tried_again_under_its_token_takes_place_once() -> None:
    cloud = Cloud()
    counter = {"job": {"S": "j"}, "item": {"S": "job"}}
    update = {
        "TableName": TABLE,
        "Key": counter,
        "UpdateExpression": "ADD rows_settled :n",
        "ConditionExpression": "attribute_not_exists(state)",
        "ExpressionAttributeValues": {":n": {"N": "2"}},
    }
    for _ in range(2):
        cloud.dynamodb.transact_write_items(TransactItems=[{"Update": update}], ClientRequestToken="t")
    assert cloud.dynamodb.items["j", "job"]["rows_settled"] == {"N": "2"}
