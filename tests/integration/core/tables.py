"""The ledger's table on an emulator, and an executor like the production ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tailrace_core.aws.calls import Call
from tailrace_core.aws.errors import translate_exception
from tailrace_core.ledger import items

NAME = "ledger"


def create(client: Any, name: str = NAME) -> None:
    """Create the table as the template describes it."""
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "job", "KeyType": "HASH"}, {"AttributeName": "item", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "job", "AttributeType": "S"},
            {"AttributeName": "item", "AttributeType": "S"},
            {"AttributeName": "due_shard", "AttributeType": "S"},
            {"AttributeName": "due_at", "AttributeType": "N"},
            {"AttributeName": "kind", "AttributeType": "S"},
            {"AttributeName": "created_at", "AttributeType": "S"},
        ],
        GlobalSecondaryIndexes=[
            _index(items.DUE_INDEX, "due_shard", "due_at"),
            _index(items.CREATED_INDEX, "kind", "created_at"),
        ],
    )


def _index(name: str, partition: str, sort: str) -> dict[str, Any]:
    return {
        "IndexName": name,
        "KeySchema": [
            {"AttributeName": partition, "KeyType": "HASH"},
            {"AttributeName": sort, "KeyType": "RANGE"},
        ],
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }


def executor(client: Any) -> Callable[[Call], Any]:
    """Build an executor that translates errors."""

    def execute(call: Call) -> Any:
        assert call.service == "dynamodb"
        try:
            return getattr(client, call.operation)(**call.params)
        except (BotoCoreError, ClientError) as exc:
            raise translate_exception(exc, call.operation) from exc

    return execute
