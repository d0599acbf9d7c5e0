"""One suite over the fakes and the adapters, so that both behave alike."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import boto3
import pytest

from tailrace_consumers.adapters.executor import BotocoreExecutor
from tailrace_consumers.adapters.s3_object_store import S3ObjectStore
from tailrace_consumers.adapters.sns_publisher import SnsPublisher
from tailrace_consumers.adapters.sqs_queues import SqsRetryQueue
from tailrace_consumers.ports import DeferToSerialError, ObjectStore
from tailrace_core.aws.calls import Call
from tailrace_core.errors import AlignmentError, NotFoundError, ThrottledError, TransientError
from tailrace_core.messages.events import PartReady, RetryDue, decode
from tests.fakes.consumer_ports import MemoryObjectStore
from tests.integration.consumers.aws import BUCKET, REGION, Stack

PIECE = 5 * 1024 * 1024
"""The smallest size that S3 and moto take for an upload part that is not the last."""
KEY = "v1/jobs/x/parts/000000000000-1.csv"


@pytest.fixture(params=["memory", "s3"])
def store(request: pytest.FixtureRequest) -> ObjectStore:
    if request.param == "memory":
        return MemoryObjectStore(upload_part_bytes=PIECE)
    stack: Stack = request.getfixturevalue("stack")
    return S3ObjectStore(BUCKET, stack.execute, upload_part_bytes=PIECE)


def body(store: ObjectStore, key: str = KEY) -> bytes:
    return b"".join(store.read(key))


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 7])
def test_a_new_object_holds_exactly_the_blocks(store: ObjectStore, size: int) -> None:
    data = bytes(range(251)) * (size // 251 + 1)
    blocks = [data[start : min(start + 300_007, size)] for start in range(0, size, 300_007)]

    assert store.put_new(KEY, blocks, lambda: {"tailrace-rejected": "3"})

    assert body(store) == data[:size]
    found = store.head(KEY)
    assert found is not None
    assert (found.size_bytes, found.metadata) == (size, {"tailrace-rejected": "3"})


@pytest.mark.parametrize("size", [3, PIECE + 3])
def test_an_object_that_is_there_is_not_touched(store: ObjectStore, size: int) -> None:
    assert store.put_new(KEY, [b"first"], lambda: {"a": "1"})

    assert not store.put_new(KEY, [b"x" * size], lambda: {"a": "2"})

    assert body(store) == b"first"
    found = store.head(KEY)
    assert found is not None
    assert found.metadata == {"a": "1"}


def test_small_objects_may_learn_their_metadata_last(store: ObjectStore) -> None:
    seen: list[bytes] = []

    def blocks() -> Iterator[bytes]:
        for block in (b"a", b"b"):
            seen.append(block)
            yield block

    store.put_new(KEY, blocks(), lambda: {"seen": str(len(seen))})

    found = store.head(KEY)
    assert found is not None
    assert found.metadata == {"seen": "2"}


@pytest.mark.parametrize("good", [b"x", b"x" * (2 * PIECE + 1)], ids=["small", "large"])
def test_nothing_is_left_behind_when_the_blocks_fail(store: ObjectStore, good: bytes) -> None:
    def blocks() -> Iterator[bytes]:
        yield good
        raise AlignmentError("one row too few", sent=2)

    with pytest.raises(AlignmentError):
        store.put_new(KEY, blocks(), dict)

    assert store.head(KEY) is None


def test_an_upload_that_failed_is_aborted(stack: Stack) -> None:
    store = S3ObjectStore(BUCKET, stack.execute, upload_part_bytes=PIECE)
    store.put(KEY, b"somebody else's")
    assert not store.put_new(KEY, [b"x" * (2 * PIECE)], dict)

    uploads = boto3.client("s3", region_name=REGION).list_multipart_uploads(Bucket=BUCKET)
    assert not uploads.get("Uploads")


def test_what_is_missing_is_said_to_be(store: ObjectStore) -> None:
    assert store.head(KEY) is None
    blocks = store.read(KEY)
    with pytest.raises(NotFoundError):
        next(blocks)


def test_blocks_are_a_megabyte_at_most(store: ObjectStore) -> None:
    store.put(KEY, b"x" * (3 * 1024 * 1024 + 1))
    assert max(map(len, store.read(KEY))) <= 1024 * 1024


@pytest.mark.parametrize("size", [0, 7, 3 * 1024 * 1024])
def test_what_is_as_large_as_the_limit_is_read(store: ObjectStore, size: int) -> None:
    store.put(KEY, b"x" * size)
    assert body(store.with_read_limit(size)) == b"x" * size


@pytest.mark.parametrize("size", [1, 3 * 1024 * 1024])
def test_nothing_is_read_of_what_is_larger(store: ObjectStore, size: int) -> None:
    store.put(KEY, b"x" * size)
    blocks = store.with_read_limit(size - 1).read(KEY)
    with pytest.raises(DeferToSerialError):
        next(blocks)
    assert body(store) == b"x" * size


def test_a_store_with_a_limit_is_the_same_otherwise(store: ObjectStore) -> None:
    with_read_limit = store.with_read_limit(1)
    with_read_limit.put(KEY, b"one")
    assert not with_read_limit.put_new(KEY, [b"two"], dict)
    assert with_read_limit.locate(KEY) == store.locate(KEY)
    assert body(store) == b"one"
    with pytest.raises(NotFoundError):
        next(with_read_limit.read("v1/nothing"))


def test_what_is_too_large_is_let_go_of_unread() -> None:
    class Unread:
        closed = False

        def close(self) -> None:
            self.closed = True

    unread = Unread()
    store = S3ObjectStore(BUCKET, lambda _: {"Body": unread, "ContentLength": 2}).with_read_limit(1)
    with pytest.raises(DeferToSerialError, match="s3://tailrace-test/x"):
        next(store.read("x"))
    assert unread.closed


def test_writing_over_is_possible_and_locations_are_told(store: ObjectStore) -> None:
    store.put(KEY, b"one")
    store.put(KEY, b"two")
    assert body(store) == b"two"
    assert store.put_manifest("v1/m.json", b"{}") == store.locate("v1/m.json") == f"s3://{BUCKET}/v1/m.json"


def test_a_retry_carries_its_delay_within_what_sqs_grants() -> None:
    calls: list[Call] = []
    queue = SqsRetryQueue("url", recording(calls))
    message = RetryDue(job_id="j", first_row=0, rows=1, attempt=2, tries=2, reason="r")

    for delay_s in (-5, 30, 5_000):
        queue.send(message, delay_s)

    assert [call.params["DelaySeconds"] for call in calls] == [0, 30, 900]
    assert decode(RetryDue, calls[0].params["MessageBody"]) == message


def part_ready(number: int = 0, body: str | None = None) -> PartReady:
    return PartReady(
        event_id=f"e{number}", job_id="j", endpoint="demand", first_row=number, rows=1, rejected=0,
        location="s3://b/k", size_bytes=1, checksum="crc32:00000000", columns=("p",), body=body,
    )  # fmt: skip


def test_events_reach_the_queue_with_attributes_to_filter_on(stack: Stack) -> None:
    event = part_ready()
    calls: list[Call] = []
    SnsPublisher("arn", recording(calls)).publish(event)
    SnsPublisher(stack.settings.results_topic, stack.execute).publish(event)

    assert {name: value["StringValue"] for name, value in calls[0].params["MessageAttributes"].items()} == {
        "type": "PartReady", "job_id": "j", "endpoint": "demand", "schema_version": "1",
    }  # fmt: skip
    assert stack.received(stack.results_queue) == [json.loads(event.to_json())]


def test_events_published_together_reach_the_queue_in_few_requests(stack: Stack) -> None:
    # One that fills a request alone, several that fill one by their bytes, and more than ten.
    bodies = ["x" * 200_000, *["y" * 60_000] * 4, *["z"] * 13]
    events = [part_ready(number, body) for number, body in enumerate(bodies)]
    calls: list[Call] = []

    def execute(call: Call) -> Any:
        calls.append(call)
        return stack.execute(call)

    assert SnsPublisher(stack.settings.results_topic, execute).publish_all(events) == [None] * len(events)
    entries = [len(call.params.get("PublishBatchRequestEntries", ["alone"])) for call in calls]
    assert entries == [1, 3, 10, 4]
    assert calls[1].params["PublishBatchRequestEntries"][0]["MessageAttributes"]["type"]["StringValue"] == "PartReady"
    received = sorted(stack.received(stack.results_queue), key=lambda each: each["first_row"])
    assert received == [json.loads(event.to_json()) for event in events]


def test_an_event_that_is_refused_in_a_batch_is_published_alone_and_fails_alone() -> None:
    events = [part_ready(number) for number in range(3)]

    def execute(call: Call) -> Mapping[str, Any]:
        if call.operation == "publish_batch":
            return {"Successful": [{"Id": "1"}], "Failed": [{"Id": "0", "Code": "InternalError"}, {"Id": "2"}]}
        if '"e2"' in call.params["Message"]:
            raise ThrottledError("slow down")
        return {}

    errors = SnsPublisher("arn", execute).publish_all(events)
    assert [None if each is None else str(each) for each in errors] == [None, None, "slow down"]


def test_a_batch_without_an_answer_fails_all_its_events() -> None:
    def execute(_: Call) -> Mapping[str, Any]:
        raise TransientError("no answer")

    errors = SnsPublisher("arn", execute).publish_all([part_ready(0), part_ready(1)])
    assert [str(each) for each in errors] == ["no answer"] * 2
    assert SnsPublisher("arn", execute).publish_all([]) == []


def recording(calls: list[Call]) -> Callable[[Call], dict[str, str]]:
    def execute(call: Call) -> dict[str, str]:
        calls.append(call)
        return {}

    return execute


def test_errors_of_aws_become_ours(stack: Stack) -> None:
    execute = BotocoreExecutor(lambda service: boto3.client(service, region_name=REGION))
    assert stack.results_queue
    with pytest.raises(NotFoundError, match=r"s3\.get_object"):
        execute(Call("s3", "get_object", {"Bucket": BUCKET, "Key": "nothing"}))


def test_an_error_that_is_not_of_aws_is_left_as_it_is() -> None:
    def broken(_: str) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        BotocoreExecutor(broken)(Call("s3", "get_object", {}))


def test_a_body_that_breaks_off_is_transient() -> None:
    class Broken:
        closed = False

        def read(self, _: int) -> bytes:
            from botocore.exceptions import IncompleteReadError  # noqa: PLC0415  only here

            raise IncompleteReadError(actual_bytes=1, expected_bytes=2)

        def close(self) -> None:
            self.closed = True

    broken = Broken()
    store = S3ObjectStore(BUCKET, lambda _: {"Body": broken})
    with pytest.raises(TransientError, match="reading s3://tailrace-test/x"):
        next(store.read("x"))
    assert broken.closed
