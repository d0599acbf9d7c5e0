"""Functions' logs in CloudWatch, written as Lambda does.

One stream for each worker, with the function's role.

Lines that the role may not write are lost, as on AWS; the cloud's own log says so once for each
function.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tailrace_local.cloud.functions.specification import FunctionSpec
from tailrace_local.cloud.roles.clients import RoleClients

# PutLogEvents takes 10,000 events and 1 MiB a call. Each event counts 26 bytes more than its text;
# one may have 1 MiB.
_EVENTS_A_CALL = 10_000
_BYTES_A_CALL = 1024 * 1024
_BYTES_AN_EVENT = 26
_LONGEST = 256 * 1024
# Lambda neither delays a function for its logs, nor makes a call for each line.
_GATHER_S = 0.2
_log = logging.getLogger("tailrace.cloud.functions")

Event = dict[str, Any]


@dataclass(frozen=True)
class LogStream:
    """The log stream of one worker, and the role that writes it."""

    function: str
    role: str
    region: str
    group: str
    name: str


class FunctionLogs:
    """Queues the output of invocations and writes it in the background."""

    def __init__(self, clients: RoleClients) -> None:
        self._clients = clients
        self._queue: queue.SimpleQueue[tuple[LogStream, list[Event]]] = queue.SimpleQueue()
        self._streams: set[str] = set()
        self._refused: set[str] = set()
        threading.Thread(target=self._run, name="function-logs", daemon=True).start()

    def write(self, spec: FunctionSpec, stream: str, request_id: str, text: str, duration_s: float) -> None:
        """Queue one invocation's output, with Lambda's START, END and REPORT lines."""
        spent_ms = f"{duration_s * 1000:.2f}"
        lines = [
            f"START RequestId: {request_id} Version: {spec.version}",
            *text.splitlines(),
            f"END RequestId: {request_id}",
            f"REPORT RequestId: {request_id}\tDuration: {spent_ms} ms\tMemory Size: {spec.memory_mb} MB",
        ]
        now_ms = int(time.time() * 1000)
        # CloudWatch refuses empty events.
        target = LogStream(spec.name, spec.role, spec.region, spec.log_group, stream)
        self._queue.put((target, [{"timestamp": now_ms, "message": line[:_LONGEST]} for line in lines if line]))

    def _run(self) -> None:
        while True:
            gathered: dict[LogStream, list[Event]] = defaultdict(list)
            output = self._queue.get()
            time.sleep(_GATHER_S)
            while True:
                gathered[output[0]] += output[1]
                try:
                    output = self._queue.get_nowait()
                except queue.Empty:
                    break
            for stream, events in gathered.items():
                self._put(stream, events)

    def _put(self, stream: LogStream, events: list[Event]) -> None:
        names = {"logGroupName": stream.group, "logStreamName": stream.name}
        try:
            client = self._clients.client("logs", stream.role, stream.function, stream.region)
            if stream.name not in self._streams:
                self._make(client, names)
            for batch in split_events(events):
                client.put_log_events(**names, logEvents=batch)
        except Exception as error:  # noqa: BLE001 - a failed write must not stop the thread
            if stream.function not in self._refused:
                _log.warning("logs of %s are lost: %s", stream.function, error)
            self._refused.add(stream.function)

    def _make(self, client: Any, names: dict[str, str]) -> None:
        try:
            client.create_log_stream(**names)
        except client.exceptions.ResourceNotFoundException:
            # Lambda makes the group of a function whose template declares none, at the first line.
            client.create_log_group(logGroupName=names["logGroupName"])
            client.create_log_stream(**names)
        self._streams.add(names["logStreamName"])


def split_events(events: list[Event]) -> Iterator[list[Event]]:
    """Split events into as few calls as the API allows."""
    batch: list[Event] = []
    size = 0
    for event in events:
        length = len(event["message"].encode()) + _BYTES_AN_EVENT
        if batch and (len(batch) == _EVENTS_A_CALL or size + length > _BYTES_A_CALL):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += length
    if batch:
        yield batch
