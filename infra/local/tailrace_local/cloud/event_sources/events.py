"""Events that Lambda makes from received SQS messages.

Source of the shape: AWS's "Using Lambda with Amazon SQS", example event.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

# Lambda's limit for a synchronous invocation. A larger batch is delivered in several invocations.
MAX_EVENT_BYTES = 6 * 1024 * 1024
# An upper estimate for the JSON around a message's body.
_RECORD_OVERHEAD_BYTES = 2048


def event_record(message: Mapping[str, Any], *, queue_arn: str) -> dict[str, Any]:
    """Convert one received message (SQS's JSON) to a record of the event."""
    found: dict[str, Any] = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": dict(message.get("Attributes", {})),
        "messageAttributes": {name: _attribute(value) for name, value in message.get("MessageAttributes", {}).items()},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }
    if "MD5OfMessageAttributes" in message:
        found["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
    return found


def split_batches(records: Sequence[dict[str, Any]], *, size: int) -> Iterator[list[dict[str, Any]]]:
    """Split records, in order, into batches of at most `size` records and MAX_EVENT_BYTES.

    A larger record is alone.
    """
    batch: list[dict[str, Any]] = []
    used = 0
    for found in records:
        weight = len(found["body"].encode()) + _RECORD_OVERHEAD_BYTES
        if batch and (len(batch) >= size or used + weight > MAX_EVENT_BYTES):
            yield batch
            batch, used = [], 0
        batch.append(found)
        used += weight
    if batch:
        yield batch


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}
    if "StringValue" in value:
        found["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        found["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    return found
