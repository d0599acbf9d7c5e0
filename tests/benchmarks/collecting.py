"""The memory that collecting one large output takes, whatever its size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks import answers
from tests.benchmarks.collected import OUTPUT_KEY, kept_key
from tests.benchmarks.contests import PEAK_MB, Benchmark, Contest, Contestant, Figure, Ratio, Scale
from tests.benchmarks.processes import ours, reporting
from tests.benchmarks.sink.running import running_sink

_ROWS = 10_500_000
"""Of 95 bytes each: an output of 1 GB."""


@contextmanager
def _collecting(scale: Scale) -> Iterator[Contest]:
    files = answers.written(scale.of(_ROWS))
    size_bytes = sum(Path(each).stat().st_size for each in (files.predictions, files.kept))
    with running_sink() as sink:
        # The wide columns are the model's answer here, and the narrow one is what was kept.
        sink.serve(OUTPUT_KEY, Path(files.kept))
        sink.serve(kept_key(files.rows), Path(files.predictions))
        environment = {**sink.environment, "AWS_ENDPOINT_URL": sink.url}
        run = reporting(ours("collecting", str(files.rows)), env=environment)
        yield Contest({"collect": Contestant(run, ["ChunksScored", size_bytes], rounds=scale.steady_rounds)})


BENCHMARKS = (
    Benchmark(
        "collect-memory",
        _collecting,
        (
            Ratio(
                name="collect_results, peak memory ÷ 256 MB",
                ours=Figure.of(PEAK_MB, "collect"),
                theirs=256.0,
                bar=1.0,
                unit="MB",
                note="an output of 1 GB with a kept column, over TLS; the process with all that the function imports",
            ),
        ),
    ),
)
