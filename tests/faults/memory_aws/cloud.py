"""The stack in memory: its resources, its clock, and a client for each service."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.faults.memory_aws.dynamodb import DynamoDb
from tests.faults.memory_aws.s3 import S3
from tests.faults.memory_aws.sqs import Queue, Sns, Sqs

BUCKET = "bucket"
TABLE = "ledger"
ENDPOINT = "demand"
RESULTS_TOPIC = "results-topic"
SUCCEEDED, FAILED, RETRIES, PARKED, RESULTS = "succeeded", "failed", "retries", "parked", "results"
SCORING, TRANSFORMS = "scoring", "transforms"
_VISIBILITY_S = {
    SUCCEEDED: 720.0,
    FAILED: 720.0,
    RETRIES: 360.0,
    PARKED: 60.0,
    RESULTS: 300.0,
    SCORING: 540.0,
    TRANSFORMS: 1_800.0,
}
"""Visibility timeouts of template.yaml, in seconds."""
_MAX_RECEIVES = {PARKED: 1000}
CALLER = "arn:aws:iam::123456789012:user/caller"
START = 1_800_000_000.0


@dataclass
class Clock:
    """The simulated clock; it stands still until it is advanced."""

    now: float = START

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += max(0.0, seconds)


@dataclass
class Cloud:
    """The durable state, which survives the death of any process."""

    clock: Clock = field(default_factory=Clock)
    lock: threading.RLock = field(default_factory=threading.RLock)
    region_name: str = "memory-1"
    """The region of the boto3 session as which this object serves too."""
    kind: str = "async"
    """The stack's output ``EndpointKind``."""

    def __post_init__(self) -> None:
        self.dynamodb = DynamoDb(TABLE, self.clock)
        self.s3 = S3(BUCKET)
        self.sqs = Sqs(self.clock)
        for name, visibility_s in _VISIBILITY_S.items():
            dead = Queue(f"{name}-dead")
            self.sqs.queues[dead.name] = dead
            self.sqs.queues[name] = Queue(name, visibility_s, _MAX_RECEIVES.get(name, 5), dead)
        self.sns = Sns(self.sqs, {RESULTS_TOPIC: [RESULTS], SUCCEEDED: [SUCCEEDED], FAILED: [FAILED]})
        self._services: dict[str, Any] = {
            "dynamodb": self.dynamodb,
            "s3": self.s3,
            "sqs": self.sqs,
            "sns": self.sns,
            "cloudformation": _CloudFormation(self.kind),
            "sagemaker": _SageMaker(),
            "sts": _Sts(),
        }

    def add_service(self, name: str, service: Any) -> None:
        self._services[name] = service

    def client(self, service: str, **_: Any) -> Any:
        """Return a client of a service, like ``boto3.client``."""
        return _Client(self._services[service], self.lock)

    def copy_from(self, other: Cloud) -> None:
        """Take over the time and the data of another cloud; its clients and hooks stay there."""
        self.clock.now = other.clock.now
        self.dynamodb.copy_from(other.dynamodb)
        self.s3.copy_from(other.s3)
        self.sqs.copy_from(other.sqs)
        self.sns.published = {topic: list(messages) for topic, messages in other.sns.published.items()}

    def queue(self, name: str) -> Queue:
        return self.sqs.queues[name]


class _Sts:
    """Stand-in for STS: it knows one caller."""

    def get_caller_identity(self) -> dict[str, str]:
        return {"Account": "123456789012", "Arn": CALLER, "UserId": "AIDA"}


class _Events:
    """Stand-in for botocore's event hooks of a client."""

    def unregister(self, event: str, handler: Any) -> None:
        """Ignore a hook."""

    def register_last(self, event: str, handler: Any) -> None:
        """Ignore a hook."""


@dataclass(frozen=True)
class _Meta:
    events: _Events


@dataclass(frozen=True)
class _Client:
    service: Any
    lock: threading.RLock
    meta: _Meta = _Meta(_Events())

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        method = getattr(self.service, operation)

        def call(**params: Any) -> Any:
            with self.lock:
                return method(**params)

        return call

    def close(self) -> None:
        """Do nothing: no connection is open."""


@dataclass(frozen=True)
class _CloudFormation:
    kind: str

    def describe_stacks(self, **_: Any) -> dict[str, Any]:
        outputs = {
            "Bucket": BUCKET,
            "LedgerTable": TABLE,
            "EndpointName": ENDPOINT,
            "ResultsTopic": RESULTS_TOPIC,
            "ResultsQueue": RESULTS,
            "ParkedQueue": PARKED,
            "RetriesQueue": RETRIES,
            "FailedQueue": FAILED,
            "SucceededQueue": SUCCEEDED,
            "BatchTransform": "true",
            "TransformsQueueUrl": TRANSFORMS,
            "EndpointKind": self.kind,
            **({} if self.kind == "async" else {"ScoringQueueUrl": SCORING}),
            **{f"{name.capitalize()}DeadLetterQueue": f"{name}-dead" for name in _VISIBILITY_S},
        }
        listed = [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()]
        return {"Stacks": [{"StackName": "stack", "StackStatus": "CREATE_COMPLETE", "Outputs": listed}]}


class _SageMaker:
    def describe_endpoint(self, **_: Any) -> dict[str, Any]:
        return {"EndpointStatus": "InService"}
