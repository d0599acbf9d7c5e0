"""A poller for each mapping that exists, and none for one that does not."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

from tailrace_local.cloud.event_sources.mapping import EventSourceMapping
from tailrace_local.cloud.event_sources.poller import Poller
from tailrace_local.cloud.ministack.core import MiniStack
from tailrace_local.cloud.roles.clients import RoleClients

_log = logging.getLogger("tailrace.cloud.queues")
_LOOK_EVERY_S = 0.5


class MappedFunction:
    """The function that a mapping names, looked up anew each time."""

    def __init__(self, ministack: MiniStack, mapping: EventSourceMapping) -> None:
        self._ministack = ministack
        self._mapping = mapping

    @property
    def record(self) -> dict[str, Any]:
        """MiniStack's record of it."""
        mapping = self._mapping
        found = self._ministack.function(mapping.account_id, mapping.region, mapping.function_name, mapping.qualifier)
        if found is None:
            raise LookupError(f"the function {mapping.function_name} of mapping {mapping.uuid} does not exist")
        return found

    @property
    def role(self) -> str:
        """The role that the function runs with, which is also the one that its queue is read with."""
        return str((self.record.get("config") or self.record)["Role"])

    @property
    def reserved_concurrency(self) -> int | None:
        """ReservedConcurrentExecutions, when it is set."""
        found = self.record.get("concurrency")
        found = found.get("ReservedConcurrentExecutions") if isinstance(found, dict) else found
        return None if found is None else int(found)

    def invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        """Invoke it."""
        return self._ministack.invoke(self.record, event)

    def matching(self, records: list[dict[str, Any]], mapping: EventSourceMapping) -> list[dict[str, Any]]:
        """The records that the mapping's filter lets through."""
        return self._ministack.matching(records, mapping.record)


class RoleQueue:
    """A queue read over the cloud's own HTTP interface with the credentials of a function's role."""

    def __init__(
        self, mapping: EventSourceMapping, function: MappedFunction, clients: RoleClients, endpoint_url: str
    ) -> None:
        self._mapping = mapping
        self._function = function
        self._clients = clients
        name = mapping.queue_arn.rsplit(":", 1)[-1]
        self._url = f"{endpoint_url}/{mapping.account_id}/{name}"

    def receive(self, maximum: int, wait_s: int) -> list[dict[str, Any]]:
        """Up to ten messages with all their attributes."""
        answer = self._sqs().receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=maximum,
            WaitTimeSeconds=wait_s,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        return list(answer.get("Messages", []))

    def delete(self, receipts: Sequence[str]) -> None:
        """Up to ten receipts."""
        entries = [{"Id": str(index), "ReceiptHandle": receipt} for index, receipt in enumerate(receipts)]
        failed = self._sqs().delete_message_batch(QueueUrl=self._url, Entries=entries).get("Failed", [])
        if failed:
            _log.warning("%d messages of %s could not be deleted: %s", len(failed), self._url, failed)

    def _sqs(self) -> Any:
        mapping = self._mapping
        return self._clients.client("sqs", self._function.role, mapping.function_name, mapping.region)


class PollerSupervisor:
    """Looks at the mappings twice a second and keeps a poller at each."""

    def __init__(
        self,
        ministack: MiniStack,
        poller: Callable[[Callable[[], EventSourceMapping | None], EventSourceMapping], Poller],
    ) -> None:
        self._ministack = ministack
        self._poller = poller
        self._pollers: dict[str, Poller] = {}
        self._seen: dict[str, EventSourceMapping] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="queue-supervisor", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Stop every poller."""
        self._stopped.set()
        for poller in list(self._pollers.values()):
            poller.stop()

    def listed(self) -> list[dict[str, Any]]:
        """Queue, function, whether somebody receives, and batches in flight, for each mapping."""
        return [
            {
                "queue": mapping.queue_arn.rsplit(":", 1)[-1],
                "function": mapping.function_name,
                "enabled": mapping.enabled,
                # Asked first: what was received is in flight before the receiving ends.
                "receiving": uuid in self._pollers and self._pollers[uuid].receiving,
                "in_flight": self._pollers[uuid].in_flight if uuid in self._pollers else 0,
            }
            for uuid, mapping in list(self._seen.items())
        ]

    def _run(self) -> None:
        while not self._stopped.wait(_LOOK_EVERY_S):
            try:
                self.reconcile()
            except Exception:  # noqa: BLE001 - looks again half a second later
                _log.exception("looking at the event source mappings")

    def reconcile(self) -> None:
        """Start and stop what the mappings say."""
        read = (EventSourceMapping.of(*found) for found in self._ministack.mappings())
        self._seen = {mapping.uuid: mapping for mapping in read if mapping}
        for uuid in set(self._pollers) - set(self._seen):
            self._pollers.pop(uuid).stop()
        for uuid, mapping in self._seen.items():
            if uuid not in self._pollers or not self._pollers[uuid].alive:
                poller = self._poller(lambda uuid=uuid: self._seen.get(uuid), mapping)  # type: ignore[misc]  # typed default
                self._pollers[uuid] = poller
                poller.start()
