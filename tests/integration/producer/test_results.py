"""Both readers, and `consume`, against SQS, S3 and DynamoDB as moto has them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import pytest

from tailrace import AsyncTailrace, Tailrace
from tailrace_core.errors import ContractError, InputError
from tailrace_core.messages.events import PartReady
from tailrace_core.objects.checksums import checksum
from tests.integration.producer.sessions import async_session, sync_session
from tests.integration.producer.stack import NAME, Pipeline

STORED = b"1\n" * 200_000


@dataclass
class Bench:
    """A queue with dead letters beside the stack, and clients of both kinds."""

    moto_url: str
    client: Callable[[str], Any]
    pipeline: Pipeline
    url: str
    dead: str

    def send(self, *numbers: int) -> list[str]:
        events = [self.event(number) for number in numbers]
        for event in events:
            self.client("sqs").send_message(QueueUrl=self.url, MessageBody=event.to_json())
        return [event.event_id for event in events]

    def event(self, number: int) -> PartReady:
        key = f"v1/jobs/j/parts/{number:012}-200000.csv"
        return PartReady(
            event_id=f"PartReady:j:{number}", job_id="j", endpoint="e", first_row=number, rows=200_000, rejected=0,
            location=f"s3://{self.pipeline.bucket}/{key}", size_bytes=len(STORED), checksum=checksum(STORED),
            columns=("p",),
        )  # fmt: skip

    def put_part(self, number: int, data: bytes) -> None:
        key = self.event(number).location.removeprefix(f"s3://{self.pipeline.bucket}/")
        self.client("s3").put_object(Bucket=self.pipeline.bucket, Key=key, Body=data)

    def count(self, url: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(map(int, found.values()))

    def sync(self) -> Tailrace:
        session = sync_session()
        return Tailrace(NAME, session=session, endpoint_url=self.moto_url)

    def asynchronous(self) -> AsyncTailrace:
        session = async_session()
        return AsyncTailrace(NAME, session=session, endpoint_url=self.moto_url)


@pytest.fixture
def bench(moto_url: str, client: Callable[[str], Any], stack: Pipeline) -> Bench:
    sqs = client("sqs")
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5})
    url = sqs.create_queue(QueueName="events", Attributes={"RedrivePolicy": redrive})["QueueUrl"]
    return Bench(moto_url, client, stack, url, dead)


def test_ten_readers_of_one_event_get_all_ten(bench: Bench) -> None:
    sent = bench.send(*range(10))
    found = []
    with bench.sync() as client:
        for _ in range(10):
            with client.results("events", max_events=1) as reader:
                found += [event.event_id for event in reader]
    assert sorted(found) == sorted(sent)
    assert (bench.count(bench.url), bench.count(bench.dead)) == (0, 0)


def test_ten_async_readers_of_one_event_get_all_ten(bench: Bench) -> None:
    sent = bench.send(*range(10))

    async def read() -> list[str]:
        found = []
        async with bench.asynchronous() as client:
            for _ in range(10):
                async with client.results("events", max_events=1) as reader:
                    found += [event.event_id async for event in reader]
        return found

    assert sorted(asyncio.run(read())) == sorted(sent)
    assert (bench.count(bench.url), bench.count(bench.dead)) == (0, 0)


def test_parts_are_read_whole_and_in_pieces_and_damage_is_found(bench: Bench) -> None:
    bench.put_part(1, STORED)
    bench.put_part(2, STORED[:-2] + b"2\n")
    with bench.sync() as client, client.results("events") as reader:
        assert reader.part(bench.event(1)) == STORED
        with reader.open_part(bench.event(1)) as stream:
            assert stream.read() == STORED
        with pytest.raises(ContractError, match="checksum"):
            reader.part(bench.event(2))
        with reader.open_part(bench.event(2)) as stream, pytest.raises(ContractError, match="checksum"):
            stream.read()


def test_the_async_reader_reads_parts_and_finds_damage(bench: Bench) -> None:
    bench.put_part(1, STORED)
    bench.put_part(2, STORED[:-2] + b"2\n")

    async def whole(reader: Any, number: int) -> bytes:
        async with aclosing(reader.open_part(bench.event(number))) as pieces:
            return b"".join([piece async for piece in pieces])

    async def read() -> None:
        async with bench.asynchronous() as client, client.results("events") as reader:
            assert await reader.part(bench.event(1)) == STORED
            assert await whole(reader, 1) == STORED
            with pytest.raises(ContractError, match="checksum"):
                await reader.part(bench.event(2))
            with pytest.raises(ContractError, match="checksum"):
                await whole(reader, 2)

    asyncio.run(read())


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_table_keeps_events_from_being_handled_twice(
    bench: Bench, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The table's client is boto3's; beside aioboto3's session it has the default credentials.
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    bench.client("dynamodb").create_table(
        TableName="handled",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    handled: list[str] = []

    async def handle(event: Any) -> None:
        handled.append(event.event_id)

    async def consume() -> None:
        async with bench.asynchronous() as client:
            await client.consume(handle, queue="events", follow=False, once="handled")

    sent = bench.send(*range(3))
    for _ in range(2):
        # Each time by another process, which remembers nothing.
        if kind == "async":
            asyncio.run(consume())
        else:
            with bench.sync() as client:
                client.consume(
                    lambda event: handled.append(event.event_id), queue="events", follow=False, once="handled"
                )
        assert sorted(handled) == sent
        assert bench.count(bench.url) == 0
        bench.send(*range(3))


def test_a_queue_that_does_not_exist_is_named(bench: Bench) -> None:
    with bench.sync() as client, pytest.raises(InputError, match="there is no queue 'nobodys'"):
        client.results("nobodys")
    with bench.sync() as client, pytest.raises(InputError, match="is not a queue of SQS"):
        client.results("arn:aws:sns:eu-west-1:123456789012:topic")
