"""A whole submit against copies of the same file to the same server with AWS-like latency."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.benchmarks import inputs
from tests.benchmarks.contests import PEAK_MB, SECONDS, Benchmark, Contest, Contestant, Figure, Ratio, Run, Scale
from tests.benchmarks.inputs import Input
from tests.benchmarks.processes import PEERS, ROOT, Command, ours, program
from tests.benchmarks.sink.process import Sink, running_sink
from tests.benchmarks.sink.responses import BUCKET, STACK
from tests.benchmarks.sink.wire import KEPT_BYTES

_GB = 10**9


@contextmanager
def _copying(scale: Scale) -> Iterator[Contest]:
    file = inputs.cached("numeric", scale.of(_GB))
    target = f"s3://{BUCKET}/copy.csv"
    with running_sink() as sink:
        commands: dict[str, Command] = {
            "submit": submit_command(file, sink),
            "submit, 16 MiB": [*submit_command(file, sink), "--chunk-bytes", "16MiB", "--chunk-rows", "1000000"],
            "aws s3 cp": [
                ROOT / ".tools/awscli/bin/aws",
                "--endpoint-url",
                sink.url,
                "s3",
                "cp",
                "--only-show-errors",
                file.path,
                target,
            ],
            "s5cmd": [_s5cmd(), "--endpoint-url", sink.url, "cp", file.path, target],
            "leanest sketch": ours("lean_submit", "submit", sink.url, file.path),
        }
        yield Contest({name: uploading(command, file, sink) for name, command in commands.items()})


@contextmanager
def _copying_text(scale: Scale) -> Iterator[Contest]:
    file = inputs.cached("text", scale.of(_GB))
    with running_sink() as sink:
        commands: dict[str, Command] = {
            "submit": submit_command(file, sink),
            "aws s3 cp": _aws_s3_cp(file, sink, f"s3://{BUCKET}/copy.csv"),
        }
        yield Contest({name: uploading(command, file, sink) for name, command in commands.items()})


@contextmanager
def _submitting(scale: Scale) -> Iterator[Contest]:
    files = {f"submit {size} GB": inputs.cached("numeric", scale.of(size * _GB)) for size in (1, 4)}
    with running_sink() as sink:
        yield Contest({name: uploading(submit_command(file, sink), file, sink) for name, file in files.items()})


def uploading(command: Command, file: Input, sink: Sink) -> Contestant:
    """Return a program that uploads a file to the sink, whole."""
    small = file.size_bytes <= KEPT_BYTES
    run = program(command, env=sink.environment)
    return Contestant(partial(_into, sink, run), (file.size_bytes, file.checksum if small else None, True))


def _into(sink: Sink, run: Callable[[], Run]) -> Run:
    """Run an upload.

    The answer is what arrived, and whether each chunk was recorded, invoked and confirmed.
    """
    sink.clear()
    done = run()
    taken = sink.taken()
    submitted = taken.calls.get("InvokeEndpointAsync", 0)
    complete = submitted in {0, taken.objects} and {taken.recorded, taken.confirmed} == {submitted}
    return Run(done.figures, (taken.size_bytes, taken.checksum, complete))


def submit_command(file: Input, sink: Sink) -> Command:
    """Return the command that submits a file to the sink."""
    tailrace = Path(sys.executable).with_name("tailrace")
    return [
        tailrace,
        "submit",
        file.path,
        "--stack",
        STACK,
        "--header",
        "none",
        "--window",
        "0",  # all chunks are invoked here, as no function is there to start those that wait
        "--endpoint-url",
        sink.url,
        "--json",
        "--quiet",
    ]


def _aws_s3_cp(file: Input, sink: Sink, target: str) -> Command:
    aws = ROOT / ".tools/awscli/bin/aws"
    return [aws, "--endpoint-url", sink.url, "s3", "cp", "--only-show-errors", file.path, target]


def _s5cmd() -> Path:
    """Return the program itself.

    Its package's launcher is Python and takes a few hundred milliseconds.
    """
    return next(PEERS.glob("lib/python*/site-packages/s5cmd/bin/s5cmd"))


_NOTE = "1 GB over TLS to a sink with AWS-like latency; programs from start to end"
_LARGER = f"{_NOTE}; chunks of 16 MiB, for models that take them: the default is 4"

BENCHMARKS = (
    Benchmark(
        "submit",
        _copying,
        tuple(
            Ratio(
                name=f"{named} ÷ {theirs}",
                ours=Figure.of(SECONDS, mine),
                theirs=Figure.of(SECONDS, theirs),
                bar=bar,
                unit="s",
                note=note,
            )
            for mine, named, note in (
                ("submit", "submit", _NOTE),
                ("submit, 16 MiB", "submit in chunks of 16 MiB", _LARGER),
            )
            for theirs, bar in (("aws s3 cp", 0.80), ("s5cmd", 0.95), ("leanest sketch", 1.5))
        ),
    ),
    Benchmark(
        "submit-text",
        _copying_text,
        (
            Ratio(
                name="submit of text ÷ aws s3 cp",
                ours=Figure.of(SECONDS, "submit"),
                theirs=Figure.of(SECONDS, "aws s3 cp"),
                bar=1.1,
                unit="s",
                note=f"{_NOTE}; words in UTF-8, a fifth of the fields quoted, with newlines",
            ),
        ),
    ),
    Benchmark(
        "submit-memory",
        _submitting,
        (
            Ratio(
                name="submit, peak memory ÷ 200 MB",
                ours=Figure.of(PEAK_MB, "submit 1 GB"),
                theirs=200.0,
                bar=0.75,
                unit="MB",
                note="1 GB",
            ),
            Ratio(
                name="submit, peak memory, 4 GB ÷ 1 GB",
                ours=Figure.of(PEAK_MB, "submit 4 GB"),
                theirs=Figure.of(PEAK_MB, "submit 1 GB"),
                bar=1.1,
                unit="MB",
                note="flat",
            ),
        ),
    ),
)
