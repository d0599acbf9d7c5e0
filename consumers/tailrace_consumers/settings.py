"""A function's settings, read from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tailrace_core.errors import ConfigurationError

_PREFIX = "TAILRACE_"


class _Environment(BaseModel):
    """Values from variables named ``TAILRACE_<NAME>``."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings from ``environment``.

        Raises:
            ConfigurationError: variables are missing or empty; the message names all of them.
        """
        values = {name: environment.get(_PREFIX + name.upper()) for name in cls.model_fields}
        try:
            return cls.model_validate({name: value for name, value in values.items() if value is not None})
        except ValidationError as exc:
            missing = ", ".join(_PREFIX + str(error["loc"][0]).upper() for error in exc.errors())
            raise ConfigurationError(f"the function's environment lacks {missing}; template.yaml sets them") from exc


class ScoringSettings(_Environment):
    """The resources of ScoreChunks; it reads the ledger and sends to the notification queues."""

    bucket: str = Field(min_length=1)
    ledger_table: str = Field(min_length=1)
    succeeded_queue: str = Field(min_length=1)
    failed_queue: str = Field(min_length=1)


class TransformSettings(_Environment):
    """The resources of RunTransforms, and the model and the instances of its jobs."""

    bucket: str = Field(min_length=1)
    ledger_table: str = Field(min_length=1)
    succeeded_queue: str = Field(min_length=1)
    failed_queue: str = Field(min_length=1)
    transforms_queue: str = Field(min_length=1)
    scoring_queue: str | None = None
    model: str = Field(min_length=1)
    transform_instance_type: str = Field(min_length=1)
    transform_instance_count: int = 1
    rest_engine: str = ""
    """The engine of the stack's endpoint, where few left-over chunks go; empty if it has none."""


class InboxSettings(_Environment):
    """The resources of StartJobs."""

    bucket: str = Field(min_length=1)
    ledger_table: str = Field(min_length=1)
    results_topic: str = Field(min_length=1)
    cutting_machine: str = Field(min_length=1)
    """ARN of the state machine that cuts."""
    endpoint_name: str
    """Empty in a stack without an endpoint."""
    endpoint_kind: str = "async"
    """The stack's way to infer, or ``none``."""
    batch_transform: bool = False
    scoring_queue: str | None = None
    transforms_queue: str | None = None


class CuttingSettings(_Environment):
    """The resources of CutStripe, SealCutting and FailCutting."""

    bucket: str = Field(min_length=1)
    ledger_table: str = Field(min_length=1)
    results_topic: str = Field(min_length=1)
    scoring_queue: str | None = None
    transforms_queue: str | None = None


class StripesSettings(_Environment):
    """The resources of ListStripes, CountStripe and SumStripes."""

    bucket: str = Field(min_length=1)


class DeliverySettings(_Environment):
    """The resources of DeliverResults; ``outbox_queue`` is its own queue."""

    bucket: str = Field(min_length=1)
    ledger_table: str = Field(min_length=1)
    outbox_queue: str = Field(min_length=1)


class Settings(_Environment):
    """The stack's resources. Queues are URLs, the topic is an ARN."""

    bucket: str = Field(min_length=1)
    ledger_table: str = Field(min_length=1)
    results_topic: str = Field(min_length=1)
    retries_queue: str = Field(min_length=1)
    parked_queue: str = Field(min_length=1)
    endpoint_name: str
    """Empty in a stack without an endpoint."""
    succeeded_queue: str | None = None
    """The queue of the endpoint's successes, and next that of its failures.

    Only the reconciler sends there.
    """
    failed_queue: str | None = None
    scoring_queue: str | None = None
    """The queue of requests to ScoreChunks, in stacks with a real-time or a serverless endpoint."""
    transforms_queue: str | None = None
    """The queue of RunTransforms, in stacks that run transform jobs."""
