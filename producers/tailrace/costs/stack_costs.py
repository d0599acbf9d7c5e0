"""What a stack costs at rest, and per million rows: ``python -m tailrace.costs --help``.

What a chunk uses is counted by a test (tests/contract/costs); what AWS charges is an input
(`tailrace.costs.prices`); how fast the model is, only its owner knows.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tailrace.costs.free_tier import FREE_TIERS, NONE, FreeTier
from tailrace.costs.prices import PRICES, Prices
from tailrace_core.errors import InputError
from tailrace_core.jobs.model import JobSettings

HOURS_A_MONTH, DAYS_A_MONTH = 730, 30
GB = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What is paid by the piece."""

    puts: int = 0
    gets: int = 0
    write_units: int = 0
    """Of DynamoDB; a write in a transaction counts twice, a changed index entry once more."""
    read_units: int = 0
    publishes: int = 0
    queue_requests: int = 0
    function_runs: int = 0

    def cost(self, prices: Prices) -> float:
        """In the prices' currency."""
        return (
            self.puts * prices.put_1000 / 1_000
            + self.gets * prices.get_1000 / 1_000
            + self.write_units * prices.write_units_million / 1_000_000
            + self.read_units * prices.read_units_million / 1_000_000
            + self.publishes * prices.publishes_million / 1_000_000
            + self.queue_requests * prices.queue_requests_million / 1_000_000
            + self.function_runs * prices.function_runs_million / 1_000_000
        )


CHUNK = Usage(puts=3, gets=2, write_units=12, read_units=4, publishes=1)
"""What the producer and the functions ask for a chunk with kept columns that is scored at the first attempt."""
AROUND = Usage(puts=1, gets=1, publishes=1, queue_requests=6, function_runs=1)
"""What AWS does for it: reads the input, writes the output, notifies; two queues, each sent to, received from and
deleted from. A function gets one chunk at a time at worst."""
FUNCTION_S, FUNCTION_GB = 1.5, 1.0
LOG_BYTES = 2_000
"""Of a chunk: its log line and its metrics."""

POLLERS, POLL_S, POLLED_QUEUES = 5, 20, 3
"""Lambda waits at each queue of a function with five long polls."""
TICKS = DAYS_A_MONTH * 24 * 12
TICK_S, TICK_READ_UNITS = 1.0, 8
"""A run of the reconciler that finds nothing looks at each shard of the index once."""
ALARM_METRICS, SCALING_ALARMS = 50, 3
"""Of infra/monitoring.yaml with a scaling endpoint; of the endpoint's scaling itself, two of them made by AWS."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A million rows, unless it is something else."""

    rows: int = 1_000_000
    row_bytes: int = 100
    answer_bytes: int = 10
    rows_per_second: float = 5_000.0
    """Of one instance."""
    idle_hours: float = 0.5
    """That the last instance stays after a burst."""

    @property
    def chunks(self) -> int:
        """As `tailrace submit` cuts them unless told otherwise."""
        limits = JobSettings(endpoint_name="any")
        return math.ceil(self.rows / min(limits.chunk_rows, limits.chunk_bytes // self.row_bytes))


Line = tuple[str, str, float]
"""What, how much, and its cost."""


def handling(chunks: int, prices: Prices) -> Iterator[Line]:
    """What so many chunks cost beside the endpoint and what is stored."""
    seconds = chunks * FUNCTION_S
    requests = chunks * (CHUNK.cost(prices) + AROUND.cost(prices))
    yield "requests of S3, DynamoDB, SQS, SNS", f"{chunks} chunks", requests
    yield "functions", f"{seconds:.0f} s of 1 GB", seconds * FUNCTION_GB * prices.function_gb_second
    yield "logs", f"{chunks * LOG_BYTES / 1_000:.0f} KB", chunks * LOG_BYTES / GB * prices.log_gb


def scoring(work: Workload, prices: Prices) -> Iterator[Line]:
    """What a workload costs."""
    hours = work.rows / work.rows_per_second / 3_600
    moved_gb = work.rows * (work.row_bytes + work.answer_bytes) / GB
    stored_gb = 2 * moved_gb
    yield "instances at work", f"{hours:.3f} h", hours * prices.instance_hour
    yield "the last instance, until it goes", f"{work.idle_hours:g} h", work.idle_hours * prices.instance_hour
    yield "data through the endpoint", f"{moved_gb:.2f} GB", moved_gb * prices.inference_gb
    yield from handling(work.chunks, prices)
    yield "storage, for a month", f"{stored_gb:.2f} GB", stored_gb * prices.storage_gb_month


def resting(
    prices: Prices, *, monitoring: bool = True, stored_gb: float = 0.0, free: FreeTier = NONE
) -> Iterator[Line]:
    """What a month costs in which nothing is submitted, with an endpoint that scales to zero."""
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


def _ticks(prices: Prices, free: FreeTier) -> float:
    """The reconciler's runs, the schedule that starts them, and the index that they read."""
    asked = Usage(function_runs=_beyond(TICKS, free.function_runs), read_units=TICKS * TICK_READ_UNITS)
    worked = max(0.0, TICKS * TICK_S * FUNCTION_GB - free.function_gb_seconds)
    started = _beyond(TICKS, free.schedule_runs)
    return asked.cost(prices) + worked * prices.function_gb_second + started * prices.schedule_runs_million / 1_000_000


def _beyond(used: int, free: int) -> int:
    return max(0, used - free)


def resting_table(prices: Prices, free: FreeTier) -> str:
    """At rest, by list price, and where there is a free tier what is left of that beyond it."""
    title = "at rest, a month"
    if free == NONE:
        return table(title, resting(prices), prices.currency)
    pairs = list(zip(resting(prices), resting(prices, free=free), strict=True))
    rows = [f"| {what} | {amount} | {cost:.4f} | {left:.4f} |" for (what, amount, cost), (*_, left) in pairs]
    sums = [sum(cost for *_, cost in lines) for lines in zip(*pairs, strict=True)]
    return "\n".join(
        (
            f"| {title} | amount | {prices.currency}, list | {prices.currency}, beyond the free tier |",
            "| --- | --- | ---: | ---: |",
            *rows,
            f"| **{title}** | | **{sums[0]:.2f}** | **{sums[1]:.2f}** |",
            f"| **without `Monitoring`** | | **{_bare(prices, NONE):.2f}** | **{_bare(prices, free):.2f}** |",
        )
    )


def _bare(prices: Prices, free: FreeTier) -> float:
    return sum(cost for *_, cost in resting(prices, monitoring=False, free=free))


def table(title: str, lines: Iterator[Line], currency: str) -> str:
    """Markdown, with the sum."""
    found = list(lines)
    rows = [f"| {what} | {amount} | {cost:.4f} |" for what, amount, cost in found]
    total = f"| **{title}** | | **{sum(cost for *_, cost in found):.2f}** |"
    return "\n".join((f"| {title} | amount | {currency} |", "| --- | --- | ---: |", *rows, total))


def report(prices: Prices, work: Workload) -> str:
    """Both tables of a region."""
    rest = resting_table(prices, FREE_TIERS.get(prices.region, NONE))
    busy = table(f"{work.rows:,} rows", scoring(work, prices), prices.currency)
    return f"{prices.region}, prices of {prices.as_of}\n\n{rest}\n\n{busy}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; 2 when the prices cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m tailrace.costs", description=report.__doc__)
    parser.add_argument("--region", choices=sorted(PRICES), default="eu-west-1")
    parser.add_argument("--prices", type=Path, metavar="FILE", help="JSON with prices of your own, instead of --region")
    parser.add_argument("--rows", type=int, default=Workload.rows)
    parser.add_argument(
        "--row-bytes", type=int, default=Workload.row_bytes, help="bytes of a row that are sent or kept"
    )
    parser.add_argument("--rows-per-second", type=float, default=Workload.rows_per_second, help="of one instance")
    asked = parser.parse_args(arguments)
    try:
        prices = Prices.read(asked.prices) if asked.prices else PRICES[asked.region]
    except InputError as exc:
        sys.stderr.write(f"{exc}\n")
        return 2
    work = Workload(rows=asked.rows, row_bytes=asked.row_bytes, rows_per_second=asked.rows_per_second)
    sys.stdout.write(report(prices, work) + "\n")
    return 0
