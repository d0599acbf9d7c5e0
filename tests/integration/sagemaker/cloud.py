"""An emulator in a thread of its own in front of moto, and a client's view of it."""

import asyncio
import io
import json
import sys
import tarfile
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tailrace_local.emulator_base.http_server import EmulatorServer
from tailrace_local.emulator_base.pace import Pace
from tailrace_local.sagemaker import Emulator, EmulatorSettings, FaultHooks, ImageCommand, build
from tailrace_local.sagemaker.ports import StateEvent

REGION = "eu-west-1"
ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/endpoint"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/doubler:1"
_WAIT_S = 180.0
Json = dict[str, Any]


def settings(state_dir: Path, aws_url: str, **changes: Any) -> EmulatorSettings:
    command = ImageCommand([sys.executable, str(Path(__file__).with_name("model_server.py"))])
    made = EmulatorSettings(REGION, ACCOUNT, aws_url, state_dir, {"*/doubler:*": command}, stop_timeout_s=5)
    quick = {"metrics_period_s": 0.0, "logs_period_s": 0.0, "transform_startup_s": 0.0, "transform_stop_s": 0.0}
    return replace(made, **(quick | changes))


def eventually(get: Callable[[], Any], what: str, timeout_s: float = _WAIT_S) -> Any:
    """The first true value of `get`; fails with `what` was waited for."""
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while time.monotonic() < deadline:
        if value := get():
            return value
        pause.wait(0.02)
    raise AssertionError(f"waited {timeout_s} s for {what}")


class RecordedEvents:
    """An event bus that keeps its events: moto, like AWS, takes none of the source `aws.sagemaker`."""

    def __init__(self) -> None:
        self.events: list[StateEvent] = []

    async def put(self, event: StateEvent) -> None:
        self.events.append(event)


class RunningEmulator:
    """Runs an emulator's server on an event loop in a thread."""

    def __init__(self, made: EmulatorSettings, faults: FaultHooks | None = None, pace: Pace | None = None) -> None:
        self.settings = made
        self.bus = RecordedEvents()
        self.emulator: Emulator = build(made, faults=faults, events=self.bus, pace=pace)
        self._server = EmulatorServer(self.emulator)
        self.url = ""
        self.token = self._server.token

    def start(self) -> "RunningEmulator":
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="emulator")
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._server.start(), self._loop).result(_WAIT_S)
        self.url = self._server.url
        return self

    def stop(self) -> None:
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._server.stop(), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_WAIT_S)
        self._loop.close()


def client(service: str, url: str) -> Any:
    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )


@dataclass
class Topic:
    arn: str
    queue_url: str
    sqs: Any

    def receive(self) -> list[str]:
        answer = self.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10)
        found = answer.get("Messages", [])
        for message in found:
            self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return [message["Body"] for message in found]

    def next(self, timeout_s: float = _WAIT_S) -> Json:
        """The next real result; test notifications are skipped."""
        seen: list[Json] = []

        def real() -> list[Json]:
            seen.extend(one for text in self.receive() if (one := json.loads(text))["eventName"] == "InferenceResult")
            return seen

        found: list[Json] = eventually(real, f"a result on {self.arn}", timeout_s)
        assert len(found) == 1, found
        return found[0]


class Lab:
    """A bucket, two topics with queues, and the clients of an account."""

    def __init__(self, running: RunningEmulator, aws_url: str) -> None:
        self.running = running
        self.s3, self.sns, self.sqs = (client(name, aws_url) for name in ("s3", "sns", "sqs"))
        self.sm, self.rt = client("sagemaker", running.url), client("sagemaker-runtime", running.url)
        self.id = uuid.uuid4().hex[:8]
        self.bucket = f"lab-{self.id}"
        self.s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.success, self.error = self._topic("success"), self._topic("error")

    def _topic(self, name: str) -> Topic:
        arn = self.sns.create_topic(Name=f"{name}-{self.id}")["TopicArn"]
        url = self.sqs.create_queue(QueueName=f"{name}-{self.id}")["QueueUrl"]
        queue = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        raw = {"RawMessageDelivery": "true"}
        self.sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue, Attributes=raw)
        return Topic(arn, url, self.sqs)

    def put(self, text: str, key: str = "in put/1.csv") -> str:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=text.encode(), ContentType="text/csv")
        return f"s3://{self.bucket}/{key}"

    def read(self, location: str) -> tuple[str, str]:
        bucket, _, key = location.removeprefix("s3://").partition("/")
        answer = self.s3.get_object(Bucket=bucket, Key=key)
        return answer["Body"].read().decode(), answer["ContentType"]

    def model(self, name: str = "model", weight: int | None = None, **environment: str) -> str:
        name = f"{name}-{self.id}"
        container: Json = {"Image": IMAGE, "Environment": environment}
        if weight is not None:
            container["ModelDataUrl"] = self._artifact(name, weight)
        self.sm.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
        return name

    def _artifact(self, name: str, weight: int) -> str:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            entry = tarfile.TarInfo("weight")
            content = str(weight).encode()
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        self.s3.put_object(Bucket=self.bucket, Key=f"models/{name}.tar.gz", Body=packed.getvalue())
        return f"s3://{self.bucket}/models/{name}.tar.gz"

    def async_config(self, **client_config: int) -> Json:
        return {
            "OutputConfig": {
                "S3OutputPath": f"s3://{self.bucket}/out/",
                "S3FailurePath": f"s3://{self.bucket}/failed",
                "NotificationConfig": {"SuccessTopic": self.success.arn, "ErrorTopic": self.error.arn},
            },
            "ClientConfig": client_config,
        }

    def config(
        self,
        model: str,
        name: str = "config",
        *,
        count: int = 1,
        asynchronous: Json | None = None,
        startup_timeout_s: int | None = None,
    ) -> str:
        name = f"{name}-{self.id}"
        variant: Json = {
            "VariantName": "AllTraffic", "ModelName": model, "InstanceType": "ml.m5.large",
            "InitialInstanceCount": count,
        }  # fmt: skip
        if startup_timeout_s is not None:
            variant["ContainerStartupHealthCheckTimeoutInSeconds"] = startup_timeout_s
        extra = {"AsyncInferenceConfig": asynchronous} if asynchronous else {}
        self.sm.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], **extra)
        return name

    def endpoint(self, config: str, name: str = "demand") -> str:
        name = f"{name}-{self.id}"
        self.sm.create_endpoint(EndpointName=name, EndpointConfigName=config)
        self.settled(name)
        return name

    def settled(self, name: str) -> Json:
        busy = {"Creating", "Updating", "Deleting"}

        def described() -> Json | None:
            answer: Json = self.sm.describe_endpoint(EndpointName=name)
            return None if answer["EndpointStatus"] in busy else answer

        found: Json = eventually(described, f"{name} to settle")
        return found

    def invoke(self, name: str, location: str, **parameters: Any) -> Json:
        answer: Json = self.rt.invoke_endpoint_async(EndpointName=name, InputLocation=location, **parameters)
        return answer
