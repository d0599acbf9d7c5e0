"""Starts of commands: those that do little, beside the AWS CLI's.

A round is the median of several runs: a start takes tenths of a second, and one swings.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks import inputs
from tests.benchmarks.contests import SECONDS, Benchmark, Contest, Contestant, Figure, Ratio, Run, Scale
from tests.benchmarks.processes import ROOT, Command, program
from tests.benchmarks.sink.process import Sink, running_sink
from tests.benchmarks.sink.responses import BUCKET, STACK
from tests.benchmarks.submitting import submit_command, uploading

_TAILRACE = Path(sys.executable).with_name("tailrace")
_AWS = ROOT / ".tools/awscli/bin/aws"
_RUNS = 3
_CHUNK_BYTES = 500_000


@contextmanager
def _starting(_: Scale) -> Iterator[Contest]:
    file = inputs.cached("numeric", _CHUNK_BYTES)
    with running_sink() as sink:
        submit = submit_command(file, sink)
        copy: Command = [
            _AWS,
            "--endpoint-url",
            sink.url,
            "s3",
            "cp",
            "--only-show-errors",
            file.path,
            f"s3://{BUCKET}/copy.csv",
        ]
        status: Command = [
            _TAILRACE,
            "status",
            _job(submit, sink),
            "--stack",
            STACK,
            "--endpoint-url",
            sink.url,
            "--json",
        ]
        state = program(status, lambda output: json.loads(output)["state"], env=sink.environment)
        contestants = {
            "tailrace --version": Contestant(program([_TAILRACE, "--version"])),
            "aws --version": Contestant(program([_AWS, "--version"])),
            "status": Contestant(state, "submitting"),
            "submit of one chunk": uploading(submit, file, sink),
            "aws s3 cp of one object": uploading(copy, file, sink),
        }
        yield Contest({name: Contestant(_median(each.run), each.answer) for name, each in contestants.items()})


def _job(submit: Command, sink: Sink) -> str:
    done = subprocess.run(
        list(map(str, submit)), check=True, capture_output=True, cwd=ROOT, env={**os.environ, **sink.environment}
    )
    return str(json.loads(done.stdout)["job_id"])


def _median(run: Callable[[], Run]) -> Callable[[], Run]:
    def several() -> Run:
        runs = [run() for _ in range(_RUNS)]
        figures = {name: statistics.median(each.figures[name] for each in runs) for name in runs[0].figures}
        wrong = [each.answer for each in runs if each.answer != runs[0].answer]
        return Run(figures, wrong or runs[0].answer)

    return several


def _ratio(name: str, ours: str, theirs: str, bar: float, note: str) -> Ratio:
    return Ratio(
        name=name, ours=Figure.of(SECONDS, ours), theirs=Figure.of(SECONDS, theirs), bar=bar, unit="s", note=note
    )


_SINK = "the whole program, over TLS to a sink with AWS-like latency"

BENCHMARKS = (
    Benchmark(
        "commands",
        _starting,
        (
            _ratio(
                "tailrace --version ÷ aws --version", "tailrace --version", "aws --version", 0.35, "the whole program"
            ),
            _ratio(
                "submit of one chunk ÷ aws s3 cp of one object",
                "submit of one chunk",
                "aws s3 cp of one object",
                0.6,
                _SINK,
            ),
            _ratio(
                "status ÷ aws s3 cp of one object",
                "status",
                "aws s3 cp of one object",
                0.6,
                f"{_SINK}; a bar of our own",
            ),
        ),
    ),
)
