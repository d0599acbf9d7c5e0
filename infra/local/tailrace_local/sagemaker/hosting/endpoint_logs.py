"""Forwards the logs of model servers to CloudWatch Logs.

An endpoint has a group, an instance has a stream.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from tailrace_local.sagemaker.adapters.aws import RoleClients, ThreadPool
from tailrace_local.sagemaker.errors import EmulatorError
from tailrace_local.sagemaker.hosting.endpoints import Endpoint
from tailrace_local.sagemaker.ports import LogSink, LogStream

_GROUP = "/aws/sagemaker/Endpoints/"
_AT_ONCE_BYTES = 256 * 1024
_LONGEST = 8 * 1024
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoggedFiles:
    """The log files that match a pattern, and the stream that they go to."""

    pattern: str
    stream: LogStream


class EndpointLogs:
    """Follows log files."""

    def __init__(self, folder: Path, sink: LogSink) -> None:
        self._folder = folder
        self._sink = sink
        self._read: dict[Path, int] = {}
        self._refused: set[LogStream] = set()

    async def forward(self, logged: Iterable[LoggedFiles]) -> None:
        """Forward the new lines. Lines that the role may not write are lost."""
        for path, stream in [(path, each.stream) for each in logged for path in self._folder.glob(each.pattern)]:
            lines = await asyncio.to_thread(self._new_lines, path)
            if not lines:
                continue
            try:
                await self._sink.put(stream, lines)
            except EmulatorError as error:
                if stream not in self._refused:
                    _log.warning("%s: %s", stream.group, error)
                self._refused.add(stream)

    def _new_lines(self, path: Path) -> list[str]:
        with path.open("rb") as log:
            start = self._read.get(path, 0)
            log.seek(start)
            data = log.read(_AT_ONCE_BYTES)
        whole = data[: data.rfind(b"\n") + 1] if len(data) < _AT_ONCE_BYTES else data
        self._read[path] = start + len(whole)
        return [line[:_LONGEST] for line in whole.decode(errors="replace").splitlines() if line]


def endpoint_logs(endpoints: Iterable[Endpoint]) -> Iterator[LoggedFiles]:
    """Yield the logs of model servers, in the groups /aws/sagemaker/Endpoints/<endpoint>."""
    for endpoint in endpoints:
        for name, fleet in (endpoint.deployment.fleets if endpoint.deployment else {}).items():
            for instance in fleet.instances:
                stream = LogStream(fleet.plan.role_arn, _GROUP + endpoint.name, f"{name}/{instance.name}")
                yield LoggedFiles(f"{instance.name}-*.log", stream)


class CloudWatchLogs:
    """Writes to CloudWatch Logs; creates a missing group or stream before the first write."""

    def __init__(self, clients: RoleClients, threads: ThreadPool) -> None:
        self._clients = clients
        self._threads = threads
        self._created: set[LogStream] = set()

    async def put(self, stream: LogStream, lines: Sequence[str]) -> None:
        """Append `lines`. Raises EmulatorError."""
        await self._threads.run(self._put, stream, lines)

    def _put(self, stream: LogStream, lines: Sequence[str]) -> None:
        names = {"logGroupName": stream.group, "logStreamName": stream.name}
        now_ms = int(time.time() * 1000)
        try:
            if stream not in self._created:
                self._make(stream)
            events = [{"timestamp": now_ms, "message": line} for line in lines]
            self._clients.get(stream.role_arn, "logs").put_log_events(**names, logEvents=events)
        except (BotoCoreError, ClientError) as error:
            raise EmulatorError(f"CloudWatch does not take logs: {error}") from error

    def _make(self, stream: LogStream) -> None:
        logs = self._clients.get(stream.role_arn, "logs")
        try:
            found = logs.describe_log_streams(logGroupName=stream.group, logStreamNamePrefix=stream.name)
            known = {each["logStreamName"] for each in found["logStreams"]}
        except logs.exceptions.ResourceNotFoundException:
            logs.create_log_group(logGroupName=stream.group)
            known = set()
        if stream.name not in known:
            logs.create_log_stream(logGroupName=stream.group, logStreamName=stream.name)
        self._created.add(stream)
