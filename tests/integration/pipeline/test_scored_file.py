"""The scored file equals, row for row, the model server's direct predictions."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tailrace_local.demo.demand import COLUMNS
from tailrace_local.testing import RunningCloud
from tests.integration.pipeline.command import counts, submit, tailrace
from tests.integration.pipeline.demand_rows import Row, ask_model, csv_bytes, demand_rows, read_csv

pytestmark = pytest.mark.cloud


@dataclass(frozen=True)
class Case:
    """A file, its submit options, and the expected kept columns."""

    rows: list[Row]
    arguments: tuple[str, ...] = ()
    write: Callable[[list[Row]], bytes] = csv_bytes
    kept: list[Row] | None = None
    kept_names: tuple[str, ...] = ()
    name: str = "input.csv"
    stdin: bool = False
    chunks: int | None = field(default=None)


PLAIN = demand_rows(700, seed=1)
AWKWARD = demand_rows(700, seed=2, awkward=True)


def _beside(kept: list[Row], rows: list[Row]) -> list[Row]:
    return [[*left, *right] for left, right in zip(kept, rows, strict=True)]


def _awkward_keys(count: int) -> list[Row]:
    source = random.Random(3)
    return [
        [f"{index},{source.choice(('a', 'b'))}", source.choice(("x\ny", 'say "hi"', "", "🥭"))]
        for index in range(count)
    ]


KEYS = _awkward_keys(700)
MANY = [[f"{row}.{column}" for column in range(300)] for row in range(60)]

CASES = {
    "lf": Case(PLAIN),
    "crlf": Case(PLAIN, write=lambda rows: csv_bytes(rows, end="\r\n"), arguments=("--chunk-rows", "100")),
    "quoted newlines, doubled quotes, beyond the BMP": Case(AWKWARD, arguments=("--chunk-rows", "50")),
    "no trailing newline": Case(
        PLAIN, write=lambda rows: csv_bytes(rows).rstrip(b"\n"), arguments=("--chunk-rows", "300")
    ),
    "gzip": Case(PLAIN, write=lambda rows: gzip.compress(csv_bytes(rows)), name="input.csv.gz"),
    "stdin": Case(AWKWARD, stdin=True, arguments=("--chunk-rows", "100")),
    "header repeat": Case(PLAIN, arguments=("--header", "repeat", "--chunk-rows", "100")),
    "header none": Case(
        PLAIN, write=lambda rows: csv_bytes(rows, header=None), arguments=("--header", "none", "--chunk-rows", "100")
    ),
    "a single row": Case(PLAIN[:1]),
    "exactly one chunk": Case(PLAIN[:100], arguments=("--chunk-rows", "100"), chunks=1),
    "exactly two chunks": Case(PLAIN[:200], arguments=("--chunk-rows", "100"), chunks=2),
    "many chunks": Case(PLAIN, arguments=("--chunk-rows", "7"), chunks=100),
    "chunks by bytes": Case(AWKWARD, arguments=("--chunk-bytes", "4KiB")),
    "kept columns with commas and newlines": Case(
        AWKWARD,
        write=lambda rows: csv_bytes(_beside(KEYS, rows), header=("key", "note", *COLUMNS)),
        arguments=("--keep", "key,note", "--chunk-rows", "64"),
        kept=KEYS,
        kept_names=("key", "note"),
    ),
    "wide rows": Case(
        PLAIN[:60],
        write=lambda rows: csv_bytes(_beside(MANY, rows), header=(*(f"k{index}" for index in range(300)), *COLUMNS)),
        arguments=("--keep", ",".join(f"k{index}" for index in range(300)), "--chunk-rows", "7"),
        kept=MANY,
        kept_names=tuple(f"k{index}" for index in range(300)),
    ),
    "dropped columns": Case(
        PLAIN,
        write=lambda rows: csv_bytes(_beside(KEYS, rows), header=("key", "note", *COLUMNS)),
        arguments=("--keep", "key", "--drop", "note"),
        kept=[row[:1] for row in KEYS],
        kept_names=("key",),
    ),
    "columns sent by name": Case(
        PLAIN,
        write=lambda rows: csv_bytes(_beside(KEYS, rows), header=("key", "note", *COLUMNS)),
        arguments=("--send", ",".join(COLUMNS)),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_scored_file_is_what_the_model_answers_directly(cloud: RunningCloud, tmp_path: Path, name: str) -> None:
    case = CASES[name]
    content = case.write(case.rows)
    source = tmp_path / case.name
    source.write_bytes(content)
    output = tmp_path / "scored.csv"

    finished = submit(
        cloud,
        "-" if case.stdin else source,
        *case.arguments,
        "--output",
        output,
        stdin=content if case.stdin else b"",
    )

    assert finished.code == 0, finished.stderr
    assert finished.json["state"] == "completed"
    assert counts(finished) == [len(case.rows), len(case.rows), 0, 0]
    kept = case.kept or [[] for _ in case.rows]
    predictions = ask_model(cloud.model_url, case.rows)
    header, *scored = read_csv(output.read_bytes())
    assert header == [*case.kept_names, "prediction"]
    assert scored == [[*key, prediction] for key, prediction in zip(kept, predictions, strict=True)]


def test_scoring_on_the_spot_writes_the_file_that_a_submit_writes(cloud: RunningCloud, tmp_path: Path) -> None:
    """20,000 rows, 20 of which the model refuses: byte for byte the same, rejected rows included."""
    rows = demand_rows(20_000, seed=4)
    for number in range(500, 20_000, 1_000):
        rows[number][4] = "twelve"
    source = tmp_path / "input.csv"
    source.write_bytes(
        csv_bytes(_beside([[f"r{number}"] for number in range(len(rows))], rows), header=("id", *COLUMNS))
    )
    options = ("--keep", "id", "--chunk-rows", "4000")
    submitted, scored = tmp_path / "submitted.csv", tmp_path / "scored.csv"

    job = submit(cloud, source, *options, "--output", submitted)
    rejected = tailrace(cloud, "rejects", job.json["job_id"], "--stack", cloud.facts.stack)
    done = tailrace(
        cloud, "score", source, "--model-url", cloud.model_url, *options, "--output", scored, "--json",
        "--rejects", tmp_path / "rejects.csv",
    )  # fmt: skip

    assert (job.code, done.code) == (3, 3), (job.stderr, done.stderr)
    assert scored.read_bytes() == submitted.read_bytes()
    assert (done.json["rows"], done.json["rows_scored"], done.json["rows_rejected"]) == (20_000, 19_980, 20)
    found, expected = (read_csv(each) for each in ((tmp_path / "rejects.csv").read_bytes(), rejected.stdout))
    assert [(row[0], *row[2:]) for row in found] == [(row[0], *row[2:]) for row in expected]
