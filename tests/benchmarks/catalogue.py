"""All benchmarks."""

from __future__ import annotations

from tests.benchmarks import calls, collecting, cutting, delivering, invoking, joining, selecting, starting, submitting
from tests.benchmarks.contests import Benchmark

BENCHMARKS: tuple[Benchmark, ...] = (
    *cutting.BENCHMARKS,
    *selecting.BENCHMARKS,
    *joining.BENCHMARKS,
    *submitting.BENCHMARKS,
    *calls.BENCHMARKS,
    *collecting.BENCHMARKS,
    *starting.BENCHMARKS,
    *invoking.BENCHMARKS,
    *delivering.BENCHMARKS,
)
