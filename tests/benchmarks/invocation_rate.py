"""Requests a second of the async client, against a loop over aioboto3."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from tests.benchmarks.contests import SECONDS, Benchmark, Contest, Contestant, Figure, Ratio, Run, Scale
from tests.benchmarks.processes import ours, reporting
from tests.benchmarks.sink.process import running_sink

_REQUESTS = 4_000
_RATE = "invocations a second"


@contextmanager
def _invoking(scale: Scale) -> Iterator[Contest]:
    count = scale.of(_REQUESTS, least=10)
    with running_sink() as sink:
        programs = {"client": "client_invocations", "loop": "bare_invocations"}
        runs = {
            name: reporting(ours(program, sink.url, str(count)), env=sink.environment)
            for name, program in programs.items()
        }
        yield Contest({name: Contestant(partial(_rate, count, run), count) for name, run in runs.items()})


def _rate(count: int, run: Callable[[], Run]) -> Run:
    done = run()
    return Run({_RATE: count / done.figures[SECONDS]}, done.answer)


BENCHMARKS = (
    Benchmark(
        "invoke",
        _invoking,
        (
            Ratio(
                name="invocations a second, async client ÷ a bare aioboto3 loop",
                ours=Figure.of(_RATE, "client"),
                theirs=Figure.of(_RATE, "loop"),
                bar=0.9,
                unit="1/s",
                note="32 at a time over TLS to a server that answers after 20 ms",
                at_least=True,
            ),
        ),
    ),
)
