"""Preparing 1 GB of raw numbers, against polars doing the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from tests.benchmarks import raw_tables
from tests.benchmarks.contests import PEAK_MB, SECONDS, Benchmark, Contest, Contestant, Figure, Ratio, Run, Scale
from tests.benchmarks.file_cache import FOLDER, checksum_of
from tests.benchmarks.processes import Command, ours, peer, reporting

_SIZE_BYTES = 10**9
_MAX_MB = 500.0
_NOTE = (
    "strip, to number, {fill}: 10 columns, a quarter of the cells padded, 2 in 100 missing; polars lazily, no proofs"
)


@contextmanager
def _preparing(fill: str, scale: Scale) -> Iterator[Contest]:
    file = raw_tables.cached(scale.of(_SIZE_BYTES))
    out = FOLDER / f"prepared-{fill}.csv"
    right = file.filled_with_zero if fill == "zero" else file.filled_with_median
    commands = {
        "prepare": ours("preparing", fill, file.path, out),
        "polars": peer("polars_prepare", fill, file.path, out),
    }

    def run(command: Command) -> Run:
        out.unlink(missing_ok=True)
        return Run(reporting(command)().figures, checksum_of(out))

    try:
        yield Contest({name: Contestant(partial(run, command), right) for name, command in commands.items()})
    finally:
        out.unlink(missing_ok=True)


def _benchmark(fill: str, said: str) -> Benchmark:
    note = _NOTE.format(fill=said)
    time = Ratio(
        name=f"prepare raw numbers, {said}, time ÷ polars",
        ours=Figure.of(SECONDS, "prepare"),
        theirs=Figure.of(SECONDS, "polars"),
        bar=1.5,
        unit="s",
        note=note,
    )
    memory = Ratio(
        name=f"prepare raw numbers, {said}, memory ÷ 500 MB",
        ours=Figure.of(PEAK_MB, "prepare"),
        theirs=_MAX_MB,
        bar=1.0,
        unit="MB",
        note=note,
    )
    return Benchmark(f"prepare-{fill}", partial(_preparing, fill), (time, memory))


BENCHMARKS = (_benchmark("zero", "fill 0"), _benchmark("median", "fill the median"))
