"""Each command of `tailrace local` shows hostile text escaped to people, and raw to machines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer

from tailrace.cli.application import run as run_command_line
from tailrace_local.cli import app
from tailrace_local.state_directory import StateDirectory
from tests.integration.local.hostile_cloud import hostile_cloud
from tests.unit.producer.cli.hostile_stack import HOSTILE
from tests.unit.producer.cli.test_hostile_text import commands, require_printable, strings


@dataclass(frozen=True)
class Case:
    """Arguments of a command; ``ROWS`` and ``PLAN`` stand for files, ``TEXT`` for hostile text."""

    arguments: str
    code: int = 0
    json: bool = True
    shows: bool = True
    """True if the output holds text from outside."""


CASES = {
    "up": [
        Case("up", shows=False),
        Case("up --parameter TEXT", code=1, json=False),
        Case("up --model-command TEXT", code=1, json=False),
        Case("up --allow-origin TEXT", code=2, json=False),
    ],
    "down": [Case("down", json=False, shows=False)],
    "deploy": [Case("deploy --parameter TEXT", code=1, json=False)],
    "status": [Case("status")],
    "logs": [Case("logs model", json=False), Case("logs TEXT", code=1, json=False)],
    "env": [Case("env")],
    "invoke": [Case("invoke ROWS", code=1), Case("invoke TEXT", code=2, json=False)],
    "faults set": [Case("faults set PLAN"), Case("faults set TEXT", code=1, json=False)],
    "faults show": [Case("faults show"), Case("faults show --log", json=False)],
    "faults clear": [Case("faults clear")],
    "faults kill-model": [Case("faults kill-model")],
    "model restart": [Case("model restart --timeout 0.1", code=1)],
}
_DATA = {"env", "faults show --log"}
_ALL = [case for cases in CASES.values() for case in cases]


def _id(case: Case) -> str:
    return case.arguments


@dataclass(frozen=True)
class Shown:
    code: int
    out: str
    err: str


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateDirectory]:
    with hostile_cloud(tmp_path) as found:
        yield found


@pytest.fixture
def run(state: StateDirectory, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Shown]:
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n3,4\n")
    (tmp_path / "plan.json").write_text("{}")
    words = {"ROWS": str(tmp_path / "rows.csv"), "PLAN": str(tmp_path / "plan.json")}

    def ran(arguments: str, *options: str) -> Shown:
        given = [words.get(each, each.replace("TEXT", HOSTILE)) for each in arguments.split()]
        code = run_command_line(["local", *given, *options, "--state-dir", str(state.root)])
        shown = capsys.readouterr()
        return Shown(code, shown.out, shown.err)

    return ran


def test_every_registered_command_has_a_case() -> None:
    assert set(CASES) == set(commands(vars(typer.main.get_command(app))["commands"]))


@pytest.mark.parametrize("case", _ALL, ids=_id)
def test_people_see_hostile_text_escaped(run: Callable[..., Shown], case: Case) -> None:
    shown = run(case.arguments)
    assert shown.code == case.code, shown.err
    require_printable(shown.err)
    if case.arguments in _DATA:
        assert "\\u202e" in shown.out or "\x1b" in shown.out
        return
    require_printable(shown.out)
    assert ("gpj.exe" in shown.out + shown.err) is case.shows


@pytest.mark.parametrize("case", [each for each in _ALL if each.json], ids=_id)
def test_json_holds_hostile_text_as_it_is(run: Callable[..., Shown], case: Case) -> None:
    shown = run(case.arguments, "--json")
    assert shown.code == case.code, shown.err
    require_printable(shown.err)
    if shown.out:
        require_printable(shown.out)
        values = json.loads(shown.out)
        assert any("\x1b[2J" in each for each in strings(values)) or not case.shows, shown.out


def test_down_counts_processes_in_words(run: Callable[..., Shown]) -> None:
    assert run("down").err.splitlines()[-1] == "the local cloud is down (1 process ended)"
    assert run("down").err.splitlines()[-1] == "the local cloud is down"


@pytest.mark.parametrize("name", CASES)
def test_errors_of_usage_are_escaped(run: Callable[..., Shown], name: str) -> None:
    for wrong in ((f"--{HOSTILE}",), (HOSTILE,) * 3):
        shown = run(name, *wrong)
        require_printable(shown.out + shown.err)
        assert shown.code != 0 or name == "logs"
