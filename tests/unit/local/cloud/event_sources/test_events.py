"""The event that a function gets for received messages."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tailrace_local.cloud.event_sources.events import MAX_EVENT_BYTES, event_record, split_batches

ARN = "arn:aws:sqs:eu-west-1:123456789012:results"


def test_a_record_has_the_shape_of_awss_example_event() -> None:
    message = {
        "MessageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
        "ReceiptHandle": "AQEB",
        "Body": "Test message.",
        "MD5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "Attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1545082649183",
            "SenderId": "AIDA",
            "ApproximateFirstReceiveTimestamp": "1545082649185",
        },
        "MessageAttributes": {
            "type": {"StringValue": "PartReady", "DataType": "String"},
            "raw": {"BinaryValue": b"\x00\xff", "DataType": "Binary"},
        },
        "MD5OfMessageAttributes": "abc",
    }
    assert event_record(message, queue_arn=ARN) == {
        "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
        "receiptHandle": "AQEB",
        "body": "Test message.",
        "attributes": message["Attributes"],
        "messageAttributes": {
            "type": {"stringValue": "PartReady", "stringListValues": [], "binaryListValues": [], "dataType": "String"},
            "raw": {"binaryValue": "AP8=", "stringListValues": [], "binaryListValues": [], "dataType": "Binary"},
        },
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "md5OfMessageAttributes": "abc",
        "eventSource": "aws:sqs",
        "eventSourceARN": ARN,
        "awsRegion": "eu-west-1",
    }


def test_a_message_without_attributes_has_an_empty_map_and_no_checksum_of_it() -> None:
    found = event_record({"MessageId": "1", "ReceiptHandle": "r", "Body": "", "MD5OfBody": "m"}, queue_arn=ARN)
    assert found["messageAttributes"] == {}
    assert "md5OfMessageAttributes" not in found


@given(st.lists(st.integers(0, 10), max_size=14), st.integers(1, 12))
def test_batches_keep_every_record_in_order_within_both_limits(sizes: list[int], size: int) -> None:
    records: list[dict[str, Any]] = [{"body": "x" * (n * 100_000), "at": at} for at, n in enumerate(sizes)]
    found = list(split_batches(records, size=size))
    assert [one for batch in found for one in batch] == records
    assert all(1 <= len(batch) <= size for batch in found)
    assert all(sum(len(one["body"]) for one in batch) <= MAX_EVENT_BYTES for batch in found)
