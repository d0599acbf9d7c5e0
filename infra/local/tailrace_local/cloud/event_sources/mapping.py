"""One event source mapping between a queue and a function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# Lambda starts with five concurrent batches and scales up. The local cloud stays at five.
_DEFAULT_CONCURRENCY = 5


@dataclass(frozen=True)
class EventSourceMapping:
    """The mapping's settings when it was read; an update makes others."""

    uuid: str
    account_id: str
    region: str
    queue_arn: str
    function_name: str
    qualifier: str | None
    enabled: bool
    batch_size: int
    window_s: float
    maximum_concurrency: int | None
    reports_failures: bool
    record: dict[str, Any]

    @classmethod
    def of(cls, account_id: str, region: str, record: dict[str, Any]) -> EventSourceMapping | None:
        """Read MiniStack's record; None when the source is no queue.

        Values that a template takes from parameters are strings there, also numbers and booleans.
        """
        queue_arn = str(record.get("EventSourceArn", ""))
        if ":sqs:" not in queue_arn:
            return None
        scaling = record.get("ScalingConfig") or {}
        return cls(
            uuid=str(record["UUID"]),
            account_id=account_id,
            region=region,
            queue_arn=queue_arn,
            function_name=str(record["FunctionName"]),
            qualifier=record.get("Qualifier"),
            enabled=str(record.get("Enabled", True)).lower() != "false",
            batch_size=int(record.get("BatchSize") or 10),
            window_s=float(record.get("MaximumBatchingWindowInSeconds") or 0),
            maximum_concurrency=int(scaling["MaximumConcurrency"]) if scaling.get("MaximumConcurrency") else None,
            reports_failures="ReportBatchItemFailures" in (record.get("FunctionResponseTypes") or []),
            record=record,
        )

    @property
    def fifo(self) -> bool:
        """True for a FIFO queue, which keeps the order within a message group."""
        return self.queue_arn.endswith(".fifo")

    def concurrency(self, reserved: int | None) -> int:
        """Return how many batches run at a time.

        At most the reserved concurrency, so that none is throttled.
        """
        if self.fifo:
            return 1
        wanted = self.maximum_concurrency or _DEFAULT_CONCURRENCY
        return wanted if reserved is None else max(1, min(wanted, reserved))
