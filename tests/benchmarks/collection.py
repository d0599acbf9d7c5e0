"""CollectResults: peak memory for one large output, and time for batches of several outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks import model_outputs
from tests.benchmarks.contests import (
    CPU_SECONDS,
    PEAK_MB,
    SECONDS,
    Benchmark,
    Contest,
    Contestant,
    Figure,
    Ratio,
    Run,
    Scale,
)
from tests.benchmarks.model_outputs import ModelOutputs
from tests.benchmarks.processes import ours, reporting
from tests.benchmarks.sink.process import Sink, running_sink

BUCKET = "bench"
JOB_ID = "01JD0000000000000000000000"
OUTPUT_KEY = "v1/outputs/bench.out"
COLUMNS = ("order", "place", "name", "price", "day")

_ROWS = 10_500_000
"""Rows of 95 bytes each: an output of 1 GB."""
_BATCH = 10
_FEW_ROWS = 40_000
"""Rows of a small chunk: an output of 800 KB and kept columns of 4 MB."""
_SMALL_CHUNKS = 40
_SMALL_ROWS = 10
_MANY_ROWS = 2_100_000
"""Rows of a large chunk: an output of 200 MB."""
_ENVIRONMENT = {
    "POWERTOOLS_METRICS_NAMESPACE": "Tailrace",
    "POWERTOOLS_SERVICE_NAME": "bench",
    "TAILRACE_RESULTS_TOPIC": "arn:aws:sns:eu-west-1:000000000000:results",
    **dict.fromkeys(("TAILRACE_BUCKET", "TAILRACE_LEDGER_TABLE", "TAILRACE_ENDPOINT_NAME"), BUCKET),
    **{f"TAILRACE_{name}_QUEUE": "https://queue" for name in ("RETRIES", "PARKED")},
}


def kept_key(rows: int, first_row: int = 0) -> str:
    """Return the key of a chunk's kept columns, as `tailrace_core.objects.keys` builds it."""
    return f"v1/jobs/{JOB_ID}/kept/{first_row:012d}-{rows}.csv"


def output_key(rows: int) -> str:
    """Return the key of the output of every chunk with ``rows`` rows."""
    return f"v1/outputs/bench-{rows}.out"


@contextmanager
def _collecting(scale: Scale) -> Iterator[Contest]:
    files = model_outputs.cached(scale.of(_ROWS))
    size_bytes = sum(Path(each).stat().st_size for each in (files.predictions, files.kept))
    with running_sink() as sink:
        # The wide columns are the model's answer here, and the narrow one is what was kept.
        sink.serve(OUTPUT_KEY, Path(files.kept))
        sink.serve(kept_key(files.rows), Path(files.predictions))
        environment = {**sink.environment, "AWS_ENDPOINT_URL": sink.url}
        run = reporting(ours("collect_output", str(files.rows)), env=environment)
        yield Contest({"collect": Contestant(run, ["ChunksScored", size_bytes], rounds=scale.steady_rounds)})


@contextmanager
def _batch(scale: Scale) -> Iterator[Contest]:
    """Collect ten chunks of ordinary size, one at a time and four at a time."""
    chunks = [model_outputs.cached(scale.of(_FEW_ROWS))] * _BATCH
    with running_sink() as sink:
        _serve(sink, chunks, wide=False)
        yield Contest(
            {name: _collecting_batch(sink, chunks, ["prediction"], each) for name, each in (("one", 1), ("four", 4))}
        )


@contextmanager
def _large_batch(scale: Scale) -> Iterator[Contest]:
    """Collect ten chunks, three of them large."""
    few, many = (model_outputs.cached(scale.of(rows)) for rows in (_FEW_ROWS, _MANY_ROWS))
    chunks = [few, many, few] * 3 + [few]
    with running_sink() as sink:
        _serve(sink, chunks, wide=True)
        yield Contest({"four": _collecting_batch(sink, chunks, COLUMNS, 4, rounds=1)})


@contextmanager
def _small_chunks(_: Scale) -> Iterator[Contest]:
    """Collect chunks that are hardly more than their requests, as they are and by botocore's clients."""
    chunks = [model_outputs.cached(_SMALL_ROWS)] * _SMALL_CHUNKS
    with running_sink() as sink:
        _serve(sink, chunks, wide=False)
        yield Contest(
            {by: _collecting_batch(sink, chunks, ["prediction"], 4, by=by) for by in ("function", "botocore")}
        )


def _collecting_batch(
    sink: Sink,
    chunks: Sequence[ModelOutputs],
    columns: Sequence[str],
    at_a_time: int,
    rounds: int | None = None,
    by: str = "function",
) -> Contestant:
    rows = [str(each.rows) for each in chunks]
    run = reporting(
        ours("collect_batch", sink.folder, ",".join(columns), str(at_a_time), by, *rows),
        env={**sink.environment, **_ENVIRONMENT, "AWS_ENDPOINT_URL": sink.url},
    )

    def collected() -> Run:
        sink.clear()
        done = run()
        return Run(done.figures, [*done.answer, sink.taken().size_bytes])

    sizes = [Path(file).stat().st_size for each in [chunks[0], *chunks] for file in (each.predictions, each.kept)]
    return Contestant(collected, [[], len(chunks) + 1, sum(sizes)], rounds)


def _serve(sink: Sink, chunks: Sequence[ModelOutputs], *, wide: bool) -> None:
    """Serve adjacent chunks from the sink, the first one twice.

    With ``wide`` the outputs are the larger files.
    """
    first_row = 0
    for each in [chunks[0], *chunks]:
        sink.serve(kept_key(each.rows, first_row), Path(each.predictions if wide else each.kept))
        first_row += each.rows
    for rows, output in {each.rows: each.kept if wide else each.predictions for each in chunks}.items():
        sink.serve(output_key(rows), Path(output))


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
    Benchmark(
        "collect-batch",
        _batch,
        (
            Ratio(
                name="collect_results, a batch of ten, four at a time ÷ one at a time",
                ours=Figure.of(SECONDS, "four"),
                theirs=Figure.of(SECONDS, "one"),
                bar=0.6,
                unit="s",
                note="the bar is ours; chunks of 40,000 rows, outputs of 800 KB, kept columns of 4 MB; a warm function",
            ),
        ),
    ),
    Benchmark(
        "collect-cpu",
        _small_chunks,
        (
            Ratio(
                name="CPU per chunk in collect_results ÷ with botocore's clients",
                ours=Figure.of(CPU_SECONDS, "function"),
                theirs=Figure.of(CPU_SECONDS, "botocore"),
                bar=0.4,
                unit="s",
                note="the bar is ours; a batch of 40 chunks of ten rows over TLS, in a warm function",
            ),
        ),
    ),
    Benchmark(
        "collect-batch-memory",
        _large_batch,
        (
            Ratio(
                name="collect_results, peak memory of a batch ÷ 256 MB",
                ours=Figure.of(PEAK_MB, "four"),
                theirs=256.0,
                bar=1.0,
                unit="MB",
                note="the bar is ours; a batch of ten, three outputs of 200 MB among seven of 4 MB, over TLS",
            ),
        ),
    ),
)
