"""A whole job through the deployed local cloud, against a bare script for the same chunks."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from pathlib import Path

from tailrace_local.testing import RunningCloud, running_cloud
from tests.benchmarks.contests import SECONDS, Benchmark, Contest, Contestant, Figure, Ratio, Run, Scale
from tests.benchmarks.file_cache import checksum_of
from tests.benchmarks.processes import Command, ours, program

_CHUNKS = 1_000
_CHUNK_ROWS = 4_400
"""Rows of 256 KiB: 1,000 chunks are 0.25 GB. A whole GB takes the demo's model minutes."""
_FEW_ROWS = 10
"""Rows of a chunk so small that only the cost of a chunk counts."""
_BARE_ENDPOINT = "bare"
_NOTE = "local cloud, programs from start to end; the script has no ledger, no proof, no topics"


@contextmanager
def _delivering(scale: Scale, chunk_rows: int, *, steady: bool) -> Iterator[Contest]:
    chunks = scale.of(_CHUNKS, least=3)
    with ExitStack() as own:
        cloud = _kept_cloud(scale.kept) if scale.kept else own.enter_context(_cloud())
        folder = Path(own.enter_context(tempfile.TemporaryDirectory(prefix="tailrace-bench-")))
        source, target = folder / "in.csv", folder / "out.csv"
        _write_demand(source, chunks * chunk_rows)
        commands: dict[str, Command] = {
            "submit": _submit(cloud, source, target, chunk_rows),
            "script": ours("bare_pipeline", cloud.outputs["Bucket"], _BARE_ENDPOINT, str(chunk_rows), source, target),
        }
        runs = {name: _into(target, program(each, env=cloud.environment)) for name, each in commands.items()}
        answer = runs["script"]().answer
        rounds = scale.steady_rounds if steady else None
        yield Contest({name: Contestant(run, answer, rounds) for name, run in runs.items()})


@contextmanager
def _cloud() -> Iterator[RunningCloud]:
    """Run a local cloud with the template deployed, and an endpoint for the script."""
    with (
        tempfile.TemporaryDirectory(prefix="tailrace-bench-") as folder,
        running_cloud(Path(folder) / "state") as cloud,
    ):
        _make_bare_endpoint(cloud)
        yield cloud


@cache
def _kept_cloud(kept: ExitStack) -> RunningCloud:
    """Return one cloud for all benchmarks: to deploy it takes longer than a tenth of the work."""
    return kept.enter_context(_cloud())


def _write_demand(path: Path, rows: int) -> None:
    """Write an input that the demo's model can score."""
    from tailrace_local.demo.demand import Demand, write  # noqa: PLC0415 - NumPy would make this process large for the others

    with path.open("wb") as file:
        write(Demand(rows=rows), file)


def _submit(cloud: RunningCloud, source: Path, target: Path, chunk_rows: int) -> Command:
    tailrace = Path(sys.executable).with_name("tailrace")
    arguments: Command = ["--stack", cloud.facts.stack, "--chunk-rows", str(chunk_rows), "--output", target, "--quiet"]
    return [tailrace, "submit", source, *arguments]


def _into(target: Path, run: Callable[[], Run]) -> Callable[[], Run]:
    """Return a run whose answer is the checksum of its target."""

    def delivered() -> Run:
        target.unlink(missing_ok=True)
        return Run(run().figures, checksum_of(target))

    return delivered


def _make_bare_endpoint(cloud: RunningCloud) -> None:
    """Make an endpoint like the stack's without notifications. No function works for the script."""
    sagemaker = cloud.client("sagemaker")
    deployed = sagemaker.describe_endpoint(EndpointName=cloud.facts.endpoint_name)
    config = sagemaker.describe_endpoint_config(EndpointConfigName=deployed["EndpointConfigName"])
    asynchronous = config["AsyncInferenceConfig"]
    output = {key: value for key, value in asynchronous["OutputConfig"].items() if key != "NotificationConfig"}
    sagemaker.create_endpoint_config(
        EndpointConfigName=_BARE_ENDPOINT,
        ProductionVariants=config["ProductionVariants"],
        AsyncInferenceConfig={**asynchronous, "OutputConfig": output},
    )
    sagemaker.create_endpoint(EndpointName=_BARE_ENDPOINT, EndpointConfigName=_BARE_ENDPOINT)
    sagemaker.get_waiter("endpoint_in_service").wait(
        EndpointName=_BARE_ENDPOINT, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
    )


def _ratio(name: str, bar: float, note: str) -> tuple[Ratio]:
    submit, script = Figure.of(SECONDS, "submit"), Figure.of(SECONDS, "script")
    return (Ratio(name=name, ours=submit, theirs=script, bar=bar, unit="s", note=note),)


BENCHMARKS = (
    Benchmark(
        "end-to-end",
        partial(_delivering, chunk_rows=_CHUNK_ROWS, steady=True),
        _ratio(
            "end to end, 1,000 chunks ÷ a bare script",
            1.15,
            f"chunks of 256 KiB, a quarter of a gigabyte in all; {_NOTE}",
        ),
    ),
    Benchmark(
        "end-to-end-small",
        partial(_delivering, chunk_rows=_FEW_ROWS, steady=False),
        _ratio(
            "end to end, 1,000 chunks of ten rows ÷ a bare script",
            2.2,
            f"a chunk's own costs and nothing else; {_NOTE}",
        ),
    ),
)
