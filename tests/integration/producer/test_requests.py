"""One `Call` is one request: what is counted at the seam is what reaches the server."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.model import OperationModel

from tailrace import Tailrace
from tailrace.aws.connections import Boto3Connection
from tailrace_consumers.adapters.executor import BotocoreExecutor
from tailrace_consumers.adapters.s3_object_store import S3ObjectStore
from tailrace_core.aws.calls import Call
from tailrace_core.aws.retrying import retrying
from tests.integration.producer.stack import NAME, Pipeline


class Requests:
    """Counts what a boto3 session sends, by botocore's own event, and what is sent without it."""

    def __init__(self, session: boto3.Session) -> None:
        self.sent = Counter[str]()
        session.events.register("before-call.*.*", self._take)

    def _take(self, model: OperationModel, **_: Any) -> None:
        self.sent[model.name] += 1


def name_of(call: Call) -> str:
    """The operation as the service calls it."""
    return "".join(part.capitalize() for part in call.operation.split("_"))


class Counted:
    """Counts calls as they are executed."""

    def __init__(self) -> None:
        self.calls = Counter[str]()

    def __call__(self, execute: Any, **policy: Any) -> Any:
        def once(call: Call) -> Any:
            self.calls[name_of(call)] += 1
            return execute(call)

        return retrying(once, **policy)


@pytest.mark.usefixtures("stack")
def test_a_submit_sends_as_many_requests_as_it_makes_calls(
    moto_url: str, moto_paths: list[str], session: boto3.Session, tmp_path: Path
) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(b"id,x\n" + b"".join(b"%d,%d\n" % (row, row) for row in range(40)))
    requests, counted = Requests(session), Counted()
    moto_paths.clear()
    connection = Boto3Connection(session=session, endpoint_url=moto_url, retry=counted)
    with Tailrace(NAME, connection=connection, concurrency=2) as client:
        client.submit(str(source), keep=["id"], chunk_rows=1, window=16)
    assert len(moto_paths) == counted.calls.total()
    assert counted.calls["InvokeEndpointAsync"] == 16
    # The others of a kind are sent without botocore.
    assert requests.sent["InvokeEndpointAsync"] < 16
    assert requests.sent.keys() == counted.calls.keys()


def test_a_function_sends_as_many_requests_as_it_makes_calls(
    stack: Pipeline, moto_url: str, session: boto3.Session
) -> None:
    requests, counted = Requests(session), Counted()
    execute = counted(BotocoreExecutor(lambda service: session.client(service, endpoint_url=moto_url)))
    store = S3ObjectStore(stack.bucket, execute, upload_part_bytes=5 * 1024 * 1024)
    assert store.put_new("v1/large", (b"x" * 1024 * 1024 for _ in range(12)), dict)
    assert store.head("v1/large")
    assert sum(map(len, store.read("v1/large"))) == 12 * 1024 * 1024
    assert counted.calls == requests.sent
    assert counted.calls["UploadPart"] == 3
