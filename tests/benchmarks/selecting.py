"""Splitting a column off, byte for byte, against polars."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.benchmarks import inputs
from tests.benchmarks.contests import PEAK_MB, SECONDS, Benchmark, Contest, Contestant, Figure, Ratio, Run, Scale
from tests.benchmarks.file_cache import FOLDER, checksum_of
from tests.benchmarks.processes import ours, peer, reporting

_SIZE_BYTES = 10**9
_POLARS = ("polars", "polars, lazily")


@contextmanager
def _selecting(kind: str, scale: Scale) -> Iterator[Contest]:
    file = inputs.cached(kind, scale.of(_SIZE_BYTES))
    kept, sent = FOLDER / "kept.csv", FOLDER / "sent.csv"
    commands = {
        "select columns": ours("selecting", file.path, str(inputs.COLUMNS), kept, sent),
        "polars": peer("polars_columns", "eager", file.path, kept, sent),
        "polars, lazily": peer("polars_columns", "stream", file.path, kept, sent),
    }
    right = [file.first_checksum, file.others_checksum]
    try:
        yield Contest(
            {
                name: Contestant(partial(_with_checksums, (kept, sent), reporting(command)), right)
                for name, command in commands.items()
            }
        )
    finally:
        for path in (kept, sent):
            path.unlink(missing_ok=True)


def _with_checksums(paths: tuple[Path, ...], run: Callable[[], Run]) -> Run:
    """Run a contestant that writes files anew. The answer is their checksums."""
    for path in paths:
        path.unlink(missing_ok=True)
    done = run()
    return Run(done.figures, [checksum_of(path) for path in paths])


def _benchmark(kind: str, time_bar: float) -> Benchmark:
    def against(figure: str, unit: str, bar: float) -> Ratio:
        return Ratio(
            name=f"select columns, {kind}, {'time' if figure == SECONDS else 'memory'} ÷ polars",
            ours=Figure.of(figure, "select columns"),
            theirs=Figure.of(figure, *_POLARS),
            bar=bar,
            unit=unit,
            note="first of 10 columns to one file, the others to another; polars eagerly or lazily, whichever is less",
        )

    ratios = (against(SECONDS, "s", time_bar), against(PEAK_MB, "MB", 0.15))
    return Benchmark(f"select-{kind}", partial(_selecting, kind), ratios)


BENCHMARKS = (_benchmark("numeric", 1.0), _benchmark("text", 1.4))
