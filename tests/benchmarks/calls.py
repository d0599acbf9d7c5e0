"""Calls for each chunk in a big job, against a small job."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.benchmarks.contests import Benchmark, Contest, Contestant, Figure, Ratio, Scale
from tests.benchmarks.processes import ours, reporting

_MANY, _FEW = 10_000, 10
_CALLS = "calls"


@contextmanager
def _counting(scale: Scale) -> Iterator[Contest]:
    jobs = {"big": scale.of(_MANY, least=_FEW), "small": _FEW}
    # The same every time.
    yield Contest(
        {name: Contestant(reporting(ours("calls", str(chunks))), chunks, rounds=1) for name, chunks in jobs.items()}
    )


BENCHMARKS = (
    Benchmark(
        "calls",
        _counting,
        (
            Ratio(
                name="calls per chunk, 10,000 chunks ÷ 10",
                ours=Figure.of(_CALLS, "big"),
                theirs=Figure.of(_CALLS, "small"),
                bar=1.05,
                unit="calls",
                note="producer, functions, and Lambda's requests of the queues; the window is on",
            ),
        ),
    ),
)
