"""What it costs to score a workload by each engine, for a file that comes again and again.

The same prices as the rest (`tailrace.costs.prices`), which are an input. A file pays for the time
until the next one, as far as something is kept running for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tailrace.costs.cost_model import FUNCTION_GB, GB, Line, Workload, handling_costs
from tailrace.costs.prices import Prices
from tailrace_core.engines import Engine

SERVERLESS_GB = 4.0
"""Memory of a serverless endpoint; its speed grows with it."""
TRANSFORM_START_HOURS = 0.05
"""Time of a transform job's instance before it scores, which is billed."""


@dataclass(frozen=True, kw_only=True)
class EngineWork:
    """A workload, and what an engine makes of it."""

    work: Workload
    chunks: int
    idle_hours: float
    """Hours between the end of this file and the next one."""

    @property
    def busy_hours(self) -> float:
        """Hours of one instance that the rows take."""
        return self.work.rows / self.work.rows_per_second / 3_600

    @property
    def moved_gb(self) -> float:
        """Data into the model and out of it."""
        return self.work.rows * (self.work.row_bytes + self.work.answer_bytes) / GB


def engine_costs(engine: Engine, asked: EngineWork, prices: Prices) -> Iterator[Line]:
    """Yield the costs of one file, the time until the next one included."""
    yield from _MODEL_COSTS[engine](asked, prices)
    yield from handling_costs(asked.chunks, prices)


def _realtime(asked: EngineWork, prices: Prices) -> Iterator[Line]:
    yield from _instance(asked.busy_hours, asked.idle_hours, "an instance that is always on", asked, prices)
    yield from _waiting_function(asked, prices)


def _async(asked: EngineWork, prices: Prices) -> Iterator[Line]:
    stays = min(asked.idle_hours, asked.work.idle_hours)
    yield from _instance(asked.busy_hours, stays, "the last instance, until it goes", asked, prices)


def _instance(busy: float, idle: float, name: str, asked: EngineWork, prices: Prices) -> Iterator[Line]:
    yield "instances at work", f"{busy:.3f} h", busy * prices.instance_hour
    yield name, f"{idle:g} h", idle * prices.instance_hour
    yield "data through the endpoint", f"{asked.moved_gb:.2f} GB", asked.moved_gb * prices.inference_gb


def _serverless(asked: EngineWork, prices: Prices) -> Iterator[Line]:
    seconds = asked.busy_hours * 3_600 * SERVERLESS_GB
    yield "serverless inference", f"{seconds:.0f} GB-s", seconds * prices.serverless_gb_second
    yield "data through the endpoint", f"{asked.moved_gb:.2f} GB", asked.moved_gb * prices.inference_gb
    yield from _waiting_function(asked, prices)


def _transform(asked: EngineWork, prices: Prices) -> Iterator[Line]:
    hours = asked.busy_hours + TRANSFORM_START_HOURS
    yield "instances of the transform job", f"{hours:.3f} h", hours * prices.transform_instance_hour


def _waiting_function(asked: EngineWork, prices: Prices) -> Iterator[Line]:
    seconds = asked.busy_hours * 3_600
    yield (
        "the function that calls the model",
        f"{seconds:.0f} s of 1 GB",
        seconds * FUNCTION_GB * prices.function_gb_second,
    )


_MODEL_COSTS = {
    Engine.REALTIME: _realtime,
    Engine.SERVERLESS: _serverless,
    Engine.ASYNC: _async,
    Engine.TRANSFORM: _transform,
}
