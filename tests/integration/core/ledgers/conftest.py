"""One suite over both ledgers, in memory and in DynamoDB: both must satisfy the port."""

from __future__ import annotations

import os
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from tailrace_core.aws.retrying import retrying
from tailrace_core.ledger.dynamo_ledger import DynamoLedger
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.ledger.memory import MemoryLedger
from tailrace_core.ledger.port import Ledger
from tests.integration.core import tables
from tests.moto_tables import one_call_at_a_time


@pytest.fixture(params=["memory", "dynamo"])
def ledger(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    if request.param == "memory":
        yield MemoryLedger()
        return
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setitem(os.environ, name, "testing")
    with mock_aws(), one_call_at_a_time():
        client = boto3.client("dynamodb", region_name="eu-west-1")
        tables.create(client)
        yield DynamoLedger(DynamoSteps(tables.NAME), retrying(tables.executor(client)))
