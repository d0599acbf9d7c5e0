"""The queue at the start of an event source mapping."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from tailrace_local.cloud.event_sources.mapped_function import MappedFunction
from tailrace_local.cloud.event_sources.mapping import EventSourceMapping
from tailrace_local.cloud.roles.clients import RoleClients

_log = logging.getLogger("tailrace.cloud.event_sources")


class RoleQueue:
    """Reads a queue at the cloud's own port, with the credentials of a function's role."""

    def __init__(
        self, mapping: EventSourceMapping, function: MappedFunction, clients: RoleClients, endpoint_url: str
    ) -> None:
        self._mapping = mapping
        self._function = function
        self._clients = clients
        name = mapping.queue_arn.rsplit(":", 1)[-1]
        self._url = f"{endpoint_url}/{mapping.account_id}/{name}"

    def receive(self, maximum: int, wait_s: int) -> list[dict[str, Any]]:
        """Receive up to ten messages with all their attributes."""
        answer = self._sqs().receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=maximum,
            WaitTimeSeconds=wait_s,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        return list(answer.get("Messages", []))

    def delete(self, receipts: Sequence[str]) -> None:
        """Delete up to ten messages by their receipt handles."""
        entries = [{"Id": str(index), "ReceiptHandle": receipt} for index, receipt in enumerate(receipts)]
        failed = self._sqs().delete_message_batch(QueueUrl=self._url, Entries=entries).get("Failed", [])
        if failed:
            _log.warning("%d messages of %s could not be deleted: %s", len(failed), self._url, failed)

    def _sqs(self) -> Any:
        mapping = self._mapping
        return self._clients.client("sqs", self._function.role, mapping.function_name, mapping.region)
