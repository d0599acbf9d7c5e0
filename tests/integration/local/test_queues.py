"""Messages from a topic through a queue to a function, and back to the queue, by AWS's rules."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from tailrace_local.testing import RunningCloud
from tests.integration.local.polling import eventually

pytestmark = pytest.mark.cloud

AT_ONCE = 3
"""The mapping's maximum concurrency."""


@pytest.fixture(scope="module", autouse=True)
def warm(cloud: RunningCloud) -> None:
    """Start as many processes of the function as there are at once: each waits for the others.

    What waits for one to start may come a second time.
    """
    event = json.dumps({"Records": [{"body": "meet", "attributes": {"ApproximateReceiveCount": "1"}}]})
    client, function = cloud.client("lambda"), cloud.functions["CountWords"]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = pool.map(lambda _: client.invoke(FunctionName=function, Payload=event), range(AT_ONCE))
        assert [answer.get("FunctionError") for answer in answers] == [None] * AT_ONCE


def send(cloud: RunningCloud, words: Sequence[str]) -> None:
    entries = [{"Id": str(index), "MessageBody": word} for index, word in enumerate(words)]
    cloud.client("sqs").send_message_batch(QueueUrl=cloud.outputs["QueueUrl"], Entries=entries)


def counts(cloud: RunningCloud) -> dict[str, int]:
    """Return how often the function has seen each word."""
    items = cloud.client("dynamodb").scan(TableName=cloud.outputs["TableName"])["Items"]
    return {item["word"]["S"]: int(item["seen"]["N"]) for item in items}


def seen(cloud: RunningCloud, word: str) -> int:
    return counts(cloud).get(word, 0)


def dead(cloud: RunningCloud, words: Sequence[str], count: int) -> list[str]:
    """The first `count` of these words in the dead-letter queue, where words of other tests may be too."""
    sqs, url, found = cloud.client("sqs"), cloud.outputs["DeadLetterQueueUrl"], list[str]()

    def look() -> bool:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            found.extend(word for word in words if word == message["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return len(found) >= count

    eventually(look, what=f"{count} messages in the dead-letter queue")
    return sorted(found)


def require_counts(cloud: RunningCloud, expected: dict[str, int]) -> None:
    """Wait until the words are counted: a letter may be dead before its last count."""
    found: dict[str, int] = {}

    def look() -> bool:
        found.update({word: seen(cloud, word) for word in expected})
        return all(found[word] >= count for word, count in expected.items())

    eventually(look, what=f"the counts {expected}")
    assert found == expected


def empty(cloud: RunningCloud) -> bool:
    attributes = cloud.client("sqs").get_queue_attributes(
        QueueUrl=cloud.outputs["QueueUrl"],
        AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    )["Attributes"]
    return set(attributes.values()) == {"0"}


def test_a_published_message_reaches_the_function_raw(cloud: RunningCloud) -> None:
    cloud.client("sns").publish(TopicArn=cloud.outputs["TopicArn"], Message="published")
    assert eventually(lambda: seen(cloud, "published"), what="the published word") == 1
    assert eventually(lambda: empty(cloud), what="an empty queue")


def test_every_message_is_handled_once_when_nothing_fails(cloud: RunningCloud) -> None:
    words = [f"many-{n}" for n in range(100)]
    for first in range(0, 100, 10):
        send(cloud, words[first : first + 10])
    eventually(lambda: counts(cloud).keys() >= set(words), what="a hundred words")
    assert {counts(cloud)[word] for word in words} == {1}
    assert eventually(lambda: empty(cloud), what="an empty queue")


def test_a_reported_message_comes_back_alone_and_ends_dead(cloud: RunningCloud) -> None:
    words = ["fine-1", "bad-1", "fine-2"]
    send(cloud, words)
    assert dead(cloud, words, 1) == ["bad-1"]
    require_counts(cloud, {"fine-1": 1, "bad-1": 2, "fine-2": 1})


def test_a_malformed_answer_brings_the_whole_batch_back(cloud: RunningCloud) -> None:
    # What one call sends comes in one batch here.
    words = ["malformed-1", "beside-1"]
    send(cloud, words)
    assert dead(cloud, words, 2) == ["beside-1", "malformed-1"]
    require_counts(cloud, dict.fromkeys(words, 2))


def test_an_exception_brings_the_whole_batch_back(cloud: RunningCloud) -> None:
    words = ["raise-1", "beside-2"]
    send(cloud, words)
    assert dead(cloud, words, 2) == ["beside-2", "raise-1"]


def test_the_mapping_says_what_it_does(cloud: RunningCloud) -> None:
    (found,) = cloud.client("lambda").list_event_source_mappings(FunctionName=cloud.functions["CountWords"])[
        "EventSourceMappings"
    ]
    assert found["EventSourceArn"] == cloud.outputs["QueueArn"]
    assert json.loads(json.dumps(found["ScalingConfig"])) == {"MaximumConcurrency": 3}
