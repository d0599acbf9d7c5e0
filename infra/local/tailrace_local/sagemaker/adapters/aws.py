"""S3, SNS, STS and CloudWatch through boto3, in a bounded pool of threads."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tailrace_local.sagemaker.errors import EmulatorError, NotifyError, RoleError, StorageError
from tailrace_local.sagemaker.locations import ObjectLocation
from tailrace_local.sagemaker.messages.payload import BLOCK_BYTES, Payload
from tailrace_local.sagemaker.ports import MetricDatum, StateEvent
from tailrace_local.sagemaker.settings import EmulatorSettings

R = TypeVar("R")
_REFRESH_BEFORE_S = 300.0
_METRICS_A_CALL = 20
_AWS_ERRORS = (BotoCoreError, ClientError)


class ThreadPool:
    """Runs blocking calls, at most `count` at once."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="sagemaker-aws")

    async def run(self, call: Callable[..., R], *arguments: Any) -> R:
        """Run `call(*arguments)` in a thread and return its result."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, call, *arguments)

    def close(self) -> None:
        """Take no more calls; running ones end by their own timeouts."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class RoleClients:
    """Caches clients that act as an execution role; refreshes credentials before they expire."""

    def __init__(self, settings: EmulatorSettings, now: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._now = now
        self._lock = threading.Lock()
        self._roles: dict[str, tuple[float, boto3.Session]] = {}
        self._clients: dict[tuple[boto3.Session, str], Any] = {}
        self._config = Config(
            connect_timeout=5,
            read_timeout=60,
            retries={"mode": "standard", "max_attempts": 3},
            max_pool_connections=settings.transfer_threads,
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        self._own = boto3.Session(
            settings.access_key_id or settings.account_id, settings.secret_access_key, region_name=settings.region
        )

    def get(self, role_arn: str, service: str) -> Any:
        """Return a client that acts as the role. Raises RoleError."""
        with self._lock:
            expires, session = self._roles.get(role_arn, (0.0, None))
            if session is None or expires - self._now() < _REFRESH_BEFORE_S:
                self._forget(session)
                expires, session = self._assume(role_arn)
                self._roles[role_arn] = (expires, session)
            return self._client(session, service)

    def own(self, service: str) -> Any:
        """Return a client that acts as the account."""
        with self._lock:
            return self._client(self._own, service)

    def _assume(self, role_arn: str) -> tuple[float, boto3.Session]:
        try:
            answer = self._client(self._own, "sts").assume_role(RoleArn=role_arn, RoleSessionName="SageMaker")
        except _AWS_ERRORS as error:
            raise RoleError(f"{role_arn}: could not be assumed by SageMaker: {error}") from error
        keys = answer["Credentials"]
        session = boto3.Session(
            keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name=self._settings.region
        )
        return keys["Expiration"].timestamp(), session

    def _client(self, session: boto3.Session, service: str) -> Any:
        key = (session, service)
        if key not in self._clients:
            url = self._settings.aws_endpoint_url
            self._clients[key] = session.client(service, endpoint_url=url, config=self._config)
        return self._clients[key]

    def _forget(self, session: boto3.Session | None) -> None:
        # Not closed: another thread may be in a call.
        for key in [key for key in self._clients if key[0] is session]:
            del self._clients[key]


class S3ObjectStore:
    """Lists objects of S3, and streams them from and to it."""

    def __init__(self, clients: RoleClients, threads: ThreadPool) -> None:
        self._clients = clients
        self._threads = threads

    async def download(self, role_arn: str, location: str, into: Payload, limit_bytes: int) -> None:
        """Write the object to `into`. Raises StorageError, RoleError."""
        await self._threads.run(self._download, role_arn, location, into, limit_bytes)

    async def upload(self, role_arn: str, location: str, body: Payload, kms_key_id: str | None) -> None:
        """Store `body`. Raises StorageError, RoleError."""
        await self._threads.run(self._upload, role_arn, location, body, kms_key_id)

    async def list(self, role_arn: str, bucket: str, prefix: str) -> Sequence[str]:
        """Return the keys that begin with `prefix`. Raises StorageError, RoleError."""
        return await self._threads.run(self._list, role_arn, bucket, prefix)

    def _list(self, role_arn: str, bucket: str, prefix: str) -> Sequence[str]:
        try:
            pages = self._clients.get(role_arn, "s3").get_paginator("list_objects_v2")
            listed = pages.paginate(Bucket=bucket, Prefix=prefix)
            return [found["Key"] for page in listed for found in page.get("Contents", ())]
        except _AWS_ERRORS as error:
            raise StorageError(f"s3://{bucket}/{prefix}: {error}") from error

    def _download(self, role_arn: str, location: str, into: Payload, limit_bytes: int) -> None:
        target = ObjectLocation.parse(location)
        try:
            answer = self._clients.get(role_arn, "s3").get_object(Bucket=target.bucket, Key=target.key)
            if answer["ContentLength"] > limit_bytes:
                raise StorageError(f"{location}: larger than {limit_bytes} bytes", too_large=True)
            into.content_type = answer.get("ContentType")
            for block in answer["Body"].iter_chunks(BLOCK_BYTES):
                into.write(block)
        except _AWS_ERRORS as error:
            raise StorageError(f"{location}: {error}") from error

    def _upload(self, role_arn: str, location: str, body: Payload, kms_key_id: str | None) -> None:
        target = ObjectLocation.parse(location)
        extra = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_id} if kms_key_id else {}
        if body.content_type:
            extra["ContentType"] = body.content_type
        try:
            self._clients.get(role_arn, "s3").put_object(
                Bucket=target.bucket, Key=target.key, Body=body.file(), ContentLength=body.size_bytes, **extra
            )
        except _AWS_ERRORS as error:
            raise StorageError(f"{location}: {error}") from error


class SnsNotifier:
    """Publishes to SNS."""

    def __init__(self, clients: RoleClients, threads: ThreadPool) -> None:
        self._clients = clients
        self._threads = threads

    async def publish(self, role_arn: str, topic_arn: str, message: str) -> None:
        """Publish `message`, without attributes, as SageMaker does.

        Raises NotifyError, RoleError.
        """
        await self._threads.run(self._publish, role_arn, topic_arn, message)

    def _publish(self, role_arn: str, topic_arn: str, message: str) -> None:
        try:
            self._clients.get(role_arn, "sns").publish(TopicArn=topic_arn, Message=message)
        except _AWS_ERRORS as error:
            raise NotifyError(f"{topic_arn}: {error}") from error


class EventBridge:
    """Puts events on the account's default bus, by the emulator's own identity.

    AWS keeps sources that begin with `aws.` to itself, and so do some servers: these refuse.
    """

    def __init__(self, clients: RoleClients, threads: ThreadPool) -> None:
        self._clients = clients
        self._threads = threads

    async def put(self, event: StateEvent) -> None:
        """Put an event of the source `aws.sagemaker`. Raises NotifyError."""
        await self._threads.run(self._put, event)

    def _put(self, event: StateEvent) -> None:
        entry = {"Source": "aws.sagemaker", "DetailType": event.detail_type, "Detail": event.detail}
        try:
            answer = self._clients.own("events").put_events(Entries=[{**entry, "Resources": list(event.resources)}])
        except _AWS_ERRORS as error:
            raise NotifyError(f"{event.detail_type}: {error}") from error
        if answer["FailedEntryCount"]:
            raise NotifyError(f"{event.detail_type}: {answer['Entries'][0].get('ErrorMessage')}")


class CloudWatchMetrics:
    """Publishes metrics to CloudWatch."""

    def __init__(self, clients: RoleClients, threads: ThreadPool) -> None:
        self._clients = clients
        self._threads = threads

    async def put(self, role_arn: str, data: Sequence[MetricDatum]) -> None:
        """Publish `data` in calls of up to 20 metrics. Raises EmulatorError."""
        for namespace in dict.fromkeys(datum.namespace for datum in data):
            found = [datum for datum in data if datum.namespace == namespace]
            for start in range(0, len(found), _METRICS_A_CALL):
                await self._threads.run(self._put, role_arn, namespace, found[start : start + _METRICS_A_CALL])

    def _put(self, role_arn: str, namespace: str, data: Sequence[MetricDatum]) -> None:
        try:
            self._clients.get(role_arn, "cloudwatch").put_metric_data(
                Namespace=namespace, MetricData=[_metric_datum(datum) for datum in data]
            )
        except _AWS_ERRORS as error:
            raise EmulatorError(f"CloudWatch does not take metrics: {error}") from error


def _metric_datum(datum: MetricDatum) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in datum.dimensions.items()]
    described: dict[str, Any] = {"MetricName": datum.name, "Dimensions": dimensions, "Unit": datum.unit}
    if datum.high_resolution:
        described["StorageResolution"] = 1
    if len(datum.values) == 1:
        return described | {"Value": datum.values[0]}
    statistics = {
        "SampleCount": len(datum.values),
        "Sum": sum(datum.values),
        "Minimum": min(datum.values),
        "Maximum": max(datum.values),
    }
    return described | {"StatisticValues": statistics}
