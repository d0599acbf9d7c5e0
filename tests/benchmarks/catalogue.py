"""The list of all benchmarks."""

from __future__ import annotations

from tests.benchmarks import (
    calls,
    collection,
    commands,
    cutting,
    delivering,
    invocation_rate,
    joining,
    preparing,
    selecting,
    starting,
    submitting,
)
from tests.benchmarks.contests import Benchmark

BENCHMARKS: tuple[Benchmark, ...] = (
    *cutting.BENCHMARKS,
    *selecting.BENCHMARKS,
    *joining.BENCHMARKS,
    *preparing.BENCHMARKS,
    *submitting.BENCHMARKS,
    *calls.BENCHMARKS,
    *collection.BENCHMARKS,
    *starting.BENCHMARKS,
    *commands.BENCHMARKS,
    *invocation_rate.BENCHMARKS,
    *delivering.BENCHMARKS,
)
