"""Joining predictions with their kept columns, against polars."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.benchmarks import model_outputs
from tests.benchmarks.contests import PEAK_MB, SECONDS, Benchmark, Contest, Contestant, Figure, Ratio, Run, Scale
from tests.benchmarks.file_cache import FOLDER, checksum_of
from tests.benchmarks.processes import ours, peer, reporting

_ROWS = 10_000_000


@contextmanager
def _joining(scale: Scale) -> Iterator[Contest]:
    files = model_outputs.cached(scale.of(_ROWS))
    part = FOLDER / "part.csv"
    commands = {
        "join": ours("joining", files.predictions, files.kept, str(files.rows), part),
        "polars": peer("polars_join", files.predictions, files.kept, part),
    }
    try:
        yield Contest(
            {
                name: Contestant(partial(_with_checksum, part, reporting(command)), files.part_checksum)
                for name, command in commands.items()
            }
        )
    finally:
        part.unlink(missing_ok=True)


def _with_checksum(part: Path, run: Callable[[], Run]) -> Run:
    part.unlink(missing_ok=True)
    return Run(run().figures, checksum_of(part))


def _against(figure: str, name: str, unit: str, bar: float) -> Ratio:
    return Ratio(
        name=f"join a part with its kept columns, {name} ÷ polars",
        ours=Figure.of(figure, "join"),
        theirs=Figure.of(figure, "polars"),
        bar=bar,
        unit=unit,
        note="10 million rows at full scale; ours proves alignment and takes a checksum as well",
    )


BENCHMARKS = (
    Benchmark("join", _joining, (_against(SECONDS, "time", "s", 1.5), _against(PEAK_MB, "memory", "MB", 0.25))),
)
