"""The cost model of a stack: at rest for a month, and for a number of rows.

A test counts what a chunk uses (tests/contract/costs). Prices are an input
(`tailrace.costs.prices`). The speed of the model is known only to its owner.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from tailrace.costs.free_tier import NONE, FreeTier
from tailrace.costs.prices import Prices
from tailrace_core.jobs.model import JobSettings

HOURS_A_MONTH, DAYS_A_MONTH = 730, 30
GB = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Requests and capacity units, which AWS charges by the piece."""

    puts: int = 0
    gets: int = 0
    write_units: int = 0
    """DynamoDB's; a write in a transaction counts twice, a changed index entry once more."""
    read_units: int = 0
    publishes: int = 0
    queue_requests: int = 0
    function_runs: int = 0

    def cost(self, prices: Prices) -> float:
        """Return the cost in the currency of ``prices``."""
        return (
            self.puts * prices.put_1000 / 1_000
            + self.gets * prices.get_1000 / 1_000
            + self.write_units * prices.write_units_million / 1_000_000
            + self.read_units * prices.read_units_million / 1_000_000
            + self.publishes * prices.publishes_million / 1_000_000
            + self.queue_requests * prices.queue_requests_million / 1_000_000
            + self.function_runs * prices.function_runs_million / 1_000_000
        )


CHUNK = Usage(puts=3, gets=2, write_units=13, read_units=3, publishes=1)
"""Requests of the producer and the functions for a chunk with kept columns, scored at the first
attempt."""
AWS_OWN = Usage(puts=1, gets=1, publishes=1, queue_requests=6, function_runs=1)
"""Requests of AWS itself for such a chunk. The endpoint reads the input, writes the output and
notifies. Two queues have a send, a receive and a delete each. A function gets one chunk at a time
at worst."""
FUNCTION_S, FUNCTION_GB = 1.5, 1.0
LOG_BYTES = 2_000
"""The log line and the metrics of one chunk."""

POLLERS, POLL_S, POLLED_QUEUES = 5, 20, 3
"""Lambda keeps five long polls of 20 s open at each queue of a function."""
FILES_AT_REST = {"RemoteCutting": (1, 9), "Inbox": (3, 21)}
"""What cutting in S3 adds, alone and with an inbox: polled queues, and metrics of the alarms in
infra/file-alarms.yaml."""
TICKS = DAYS_A_MONTH * 24 * 12
TICK_S, TICK_READ_UNITS = 1.0, 8
"""A run of the reconciler that finds nothing reads each shard of the index once."""
ALARM_METRICS, SCALING_ALARMS = 51, 3
"""Metrics of the alarms in infra/monitoring.yaml with a scaling endpoint, and the alarms that scale
the endpoint, of which AWS makes two."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """Rows to score; by default a million of 100 bytes, with an answer of 10 bytes each."""

    rows: int = 1_000_000
    row_bytes: int = 100
    answer_bytes: int = 10
    rows_per_second: float = 5_000.0
    """Speed of one instance."""
    idle_hours: float = 0.5
    """How long the last instance stays after the work is done."""

    @property
    def chunks(self) -> int:
        """How many chunks `tailrace submit` makes with its default limits."""
        limits = JobSettings(endpoint_name="any")
        return math.ceil(self.rows / min(limits.chunk_rows, limits.chunk_bytes // self.row_bytes))


Line = tuple[str, str, float]
"""A line of a table: item, amount, cost."""


def handling_costs(chunks: int, prices: Prices) -> Iterator[Line]:
    """Yield the costs of ``chunks`` apart from the endpoint's and the storage's."""
    seconds = chunks * FUNCTION_S
    requests = chunks * (CHUNK.cost(prices) + AWS_OWN.cost(prices))
    yield "requests of S3, DynamoDB, SQS, SNS", f"{chunks} chunks", requests
    yield "functions", f"{seconds:.0f} s of 1 GB", seconds * FUNCTION_GB * prices.function_gb_second
    yield "logs", f"{chunks * LOG_BYTES / 1_000:.0f} KB", chunks * LOG_BYTES / GB * prices.log_gb


def scoring_costs(work: Workload, prices: Prices) -> Iterator[Line]:
    """Yield the costs of scoring a workload."""
    hours = work.rows / work.rows_per_second / 3_600
    moved_gb = work.rows * (work.row_bytes + work.answer_bytes) / GB
    stored_gb = 2 * moved_gb
    yield "instances at work", f"{hours:.3f} h", hours * prices.instance_hour
    yield "the last instance, until it goes", f"{work.idle_hours:g} h", work.idle_hours * prices.instance_hour
    yield "data through the endpoint", f"{moved_gb:.2f} GB", moved_gb * prices.inference_gb
    yield from handling_costs(work.chunks, prices)
    yield "storage, for a month", f"{stored_gb:.2f} GB", stored_gb * prices.storage_gb_month


def resting_costs(
    prices: Prices, *, monitoring: bool = True, stored_gb: float = 0.0, free: FreeTier = NONE
) -> Iterator[Line]:
    """Yield the costs of a month without any job, with an endpoint that scales to zero."""
    polls = POLLERS * POLLED_QUEUES * DAYS_A_MONTH * 86_400 // POLL_S
    yield "instances", "none", 0.0
    yield "storage", f"{stored_gb:g} GB", stored_gb * prices.storage_gb_month
    yield (
        "waiting at the queues",
        f"{polls:,} polls",
        Usage(queue_requests=_beyond(polls, free.queue_requests)).cost(prices),
    )
    yield "ReconcileJobs", f"{TICKS:,} runs", _ticks(prices, free)
    scaling = _beyond(SCALING_ALARMS, free.alarm_metrics)
    yield "alarms that scale the endpoint", f"{SCALING_ALARMS}", scaling * prices.alarm_metric_month
    if monitoring:
        metrics = _beyond(1, free.metrics)
        yield "the metric JobsPastDeadline (`Monitoring`)", "1", metrics * prices.metric_month
        watching = _beyond(SCALING_ALARMS + ALARM_METRICS, free.alarm_metrics) - scaling
        yield "alarms (`Monitoring`)", f"{ALARM_METRICS} metrics", watching * prices.alarm_metric_month
        yield "dashboard (`Dashboard`)", "1", _beyond(1, free.dashboards) * prices.dashboard_month


def files_at_rest(parameter: str, prices: Prices) -> tuple[float, float]:
    """Return what ``RemoteCutting`` or ``Inbox`` costs a month without any file: its queues, and its alarms."""
    queues, metrics = FILES_AT_REST[parameter]
    polls = POLLERS * queues * DAYS_A_MONTH * 86_400 // POLL_S
    return Usage(queue_requests=polls).cost(prices), metrics * prices.alarm_metric_month


def _ticks(prices: Prices, free: FreeTier) -> float:
    """Return the cost of the reconciler's runs, of the schedule that starts them, and of the index that they read."""
    asked = Usage(function_runs=_beyond(TICKS, free.function_runs), read_units=TICKS * TICK_READ_UNITS)
    worked = max(0.0, TICKS * TICK_S * FUNCTION_GB - free.function_gb_seconds)
    started = _beyond(TICKS, free.schedule_runs)
    return asked.cost(prices) + worked * prices.function_gb_second + started * prices.schedule_runs_million / 1_000_000


def _beyond(used: int, free: int) -> int:
    return max(0, used - free)
