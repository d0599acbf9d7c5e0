"""No command replaces what was submitted by what it writes."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tailrace.cli.application import run
from tailrace.cli.environment import Environment
from tests.faults.simulation import Simulation

_INPUT = b"id,x\na,1\nb,poison\nc,3\n"
_HEADERLESS = _INPUT.partition(b"\n")[2]
_RESULT = b"id,prediction\n"


@dataclass
class Desk:
    """A stack in memory, and a folder with the input."""

    source: Path
    sim: Simulation = field(default_factory=lambda: Simulation(operator=False))
    err: str = ""

    def run(self, *arguments: str, stdin: bytes = b"") -> int:
        err = io.StringIO()
        environment = Environment(
            connect=lambda _: self.sim.producer("operator")[1], stdin=io.BytesIO(stdin), stdout=io.BytesIO(), stderr=err
        )
        code = run([*arguments, "--stack", "stack"], environment)
        self.err = err.getvalue()
        return code

    def submitted(self, *options: str) -> str:
        """Submit the file and run the job to its end; return its id."""
        assert self.run("submit", str(self.source), *options, "--job-key", "k") == 0, self.err
        self.sim.drain()
        return self.sim.ledger.jobs(1)[0].job_id


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    (tmp_path / "in.csv").write_bytes(_INPUT)
    return Desk(tmp_path / "in.csv")


def test_a_piped_input_is_not_replaced_by_its_result_and_nothing_is_submitted(desk: Desk) -> None:
    assert desk.run("submit", "-", "--keep", "id", "--output", str(desk.source), stdin=_INPUT) == 2
    assert "has the columns of the job's input" in desk.err
    assert desk.source.read_bytes() == _INPUT
    assert desk.sim.ledger.jobs(1) == []


def test_a_piped_input_replaces_an_earlier_result(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_bytes(_RESULT + b"a,0\n")
    options = ("--keep", "id", "--output", str(tmp_path / "out.csv"), "--timeout", "1s")
    assert desk.run("submit", "-", *options, stdin=_INPUT) == 1
    assert len(desk.sim.ledger.jobs(2)) == 1


@pytest.mark.parametrize("through", ["name", "link", "pattern"])
def test_a_submit_whose_output_is_one_of_its_files_is_refused(desk: Desk, tmp_path: Path, through: str) -> None:
    link = tmp_path / "link"
    os.link(desk.source, link)
    source, output = {
        "name": (desk.source, desk.source),
        "link": (desk.source, link),
        "pattern": (tmp_path / "*.csv", desk.source),
    }[through]
    assert desk.run("submit", str(source), "--keep", "id", "--output", str(output)) == 2
    assert "is the input" in desk.err
    assert desk.source.read_bytes() == _INPUT


@pytest.mark.parametrize("command", ["download", "rejects"])
def test_neither_a_result_nor_rejects_replace_what_was_submitted(desk: Desk, command: str) -> None:
    job_id = desk.submitted("--keep", "id")
    for options in ((), ("--source", str(desk.source))) if command == "rejects" else ((),):
        assert desk.run(command, job_id, "--output", str(desk.source), *options) == 2
        assert "input" in desk.err
    copy = desk.source.with_name("copy.csv")
    copy.write_bytes(_INPUT)
    assert desk.run(command, job_id, "--output", str(copy)) == 2
    assert copy.read_bytes() == desk.source.read_bytes() == _INPUT


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_rejects_replace_earlier_rejects(desk: Desk, tmp_path: Path, options: tuple[str, ...]) -> None:
    job_id = desk.submitted("--keep", "id")
    written = []
    for _ in range(2):
        assert desk.run("rejects", job_id, "--output", str(tmp_path / "rejects.csv"), *options) == 0, desk.err
        written.append((tmp_path / "rejects.csv").read_bytes())
    assert written[0] == written[1]
    assert b"poison" in written[0]


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_without_a_header_the_beginning_tells_an_input_from_what_was_written(
    desk: Desk, tmp_path: Path, options: tuple[str, ...]
) -> None:
    desk.source.write_bytes(_HEADERLESS)
    job_id = desk.submitted("--header", "none", "--keep", "column_1")
    out = str(tmp_path / "rejects.csv")
    assert desk.run("rejects", job_id, "--output", str(desk.source), *options) == 2
    for _ in range(2):
        assert desk.run("rejects", job_id, "--output", out, *options) == 0, desk.err
    for _ in range(2):
        assert desk.run("download", job_id, "--output", str(tmp_path / "out.csv")) == 0, desk.err
    assert desk.source.read_bytes() == _HEADERLESS
