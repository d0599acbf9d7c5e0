"""Each command of the command line shows hostile text escaped to people, and raw to machines."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tailrace.cli.application.typer_commands import load
from tailrace.cli.commands.registry import COMMANDS
from tailrace.cli.printable import printable_lines
from tailrace_core.errors import InputError
from tests.unit.producer.cli.hostile_stack import BAD_INPUT, HOSTILE, INPUT, OFFLINE, HostileStack, Shown

_CONTROLS = {"Cc", "Cs", "Zl", "Zp"}
_BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@dataclass(frozen=True)
class Case:
    """Arguments of a command, and the stack that it meets."""

    arguments: str
    """``JOB`` stands for the job's id, ``TEXT`` for hostile text, ``FILE`` for a file of rows."""
    stack: Callable[[], HostileStack] = HostileStack.finished
    code: int = 0
    data: bool = False
    """True if standard output is data, neither text for people nor JSON."""
    shows: bool = True
    """True if the output holds text from outside."""
    json: bool = True
    """True if the command has ``--json``."""


_PARKED = HostileStack.parked
CASES: dict[str, list[Case]] = {
    "submit": [
        Case("submit FILE --header none --dry-run", shows=False),
        Case("submit FILE --header none --max-attempts 1 --on-parked fail --timeout 1s --wait", code=1, shows=False),
        Case("submit FILE --keep TEXT --dry-run", code=2, json=False),
        Case("submit TEXT", code=2, json=False),
        Case("submit TEXT*.csv", code=2, json=False),
        Case("submit s3://TEXT", code=2, json=False),
        Case("submit s3://b/TEXT --remote", code=2, shows=False, json=False),
        Case("submit TEXT --remote", code=2, json=False),
        Case("submit FILE --pattern TEXT --dry-run", code=2, json=False),
        Case("submit FILE --output TEXT.feather", code=2, json=False),
        Case("submit FILE --na TEXT --chunk-bytes TEXT", code=2, json=False),
        Case("submit FILE --content-type TEXT", code=2, json=False),
        Case("submit FILE --request json --request-template TEXT", code=2, json=False),
        Case("submit FILE --echo TEXT", code=2, json=False),
        Case("submit FILE --header TEXT", code=2, json=False),
    ],
    "prepare": [
        Case("prepare --suggest TEXT", code=2, json=False),
        Case("prepare FILE --recipe TEXT --output out.csv", code=2, json=False),
        Case("prepare --suggest FILE", shows=False, json=False),
    ],
    "score": [
        Case("score FILE --header none --model-url http://127.0.0.1:1", code=1, shows=False, json=False),
        Case("score TEXT --model-url http://127.0.0.1:1", code=2, json=False),
        Case("score FILE --model-url TEXT", code=2, json=False),
        Case("score FILE --model-url http://127.0.0.1:1 --output TEXT.feather", code=2, json=False),
    ],
    "advise": [
        Case("advise FILE --header none", shows=False),
        Case("advise TEXT", code=2, json=False),
        Case("advise FILE --deadline TEXT", code=2, json=False),
    ],
    "status": [Case("status JOB"), Case("status JOB", _PARKED), Case("status TEXT", code=2, json=False)],
    "wait": [Case("wait JOB", code=3), Case("wait JOB --timeout 1s", _PARKED, code=1)],
    "watch": [
        Case("watch JOB", code=3, json=False),
        Case("watch JOB --timeout 1s", _PARKED, code=1, json=False),
    ],
    "download": [
        Case("download JOB", data=True, json=False),
        Case("download JOB --safe-csv", data=True, json=False),
        Case("download JOB --output TEXT/x.csv", code=2, json=False),
    ],
    "jobs": [Case("jobs", shows=False), Case("jobs", _PARKED, shows=False)],
    "cancel": [Case("cancel JOB --reason TEXT", _PARKED)],
    "rejects": [Case("rejects JOB", data=True), Case("rejects JOB --source FILE", data=True)],
    "results": [Case("results")],
    "report": [
        Case("report JOB", json=False),
        Case("report JOB --output TEXT/x.html", code=2, json=False),
    ],
    "parked list": [
        Case("parked list", _PARKED),
        Case("parked list --job JOB", _PARKED),
        Case("parked list --queue", _PARKED),
    ],
    "parked show": [
        Case("parked show JOB 0-2", _PARKED),
        Case("parked show JOB TEXT", _PARKED, code=2, json=False),
    ],
    "parked redrive": [
        Case("parked redrive JOB 0-2 --note TEXT", _PARKED, shows=False),
        Case("parked redrive --all", _PARKED, shows=False),
        Case("parked redrive JOB 0-2 --edit TEXT", _PARKED, code=2, json=False),
        Case("parked redrive --cause e --note TEXT --yes", _PARKED, shows=False),
        Case("parked redrive --halves", _PARKED, shows=False),
    ],
    "parked discard": [
        Case("parked discard JOB 0-2 --reason TEXT", _PARKED),
        Case("parked discard JOB 0-2 --reason TEXT --yes", _PARKED),
    ],
    "console": [Case("console", shows=False, json=False)],
    "train": [
        Case("train FILE --target TEXT", code=2, json=False),
        Case("train FILE --target x --metric TEXT --problem regression", code=2, json=False),
        Case("train TEXT --target x", code=2, json=False),
    ],
    "leaderboard": [Case("leaderboard JOB"), Case("leaderboard JOB --wait")],
    "doctor": [Case("doctor", code=1)],
    "dlq list": [Case("dlq list", _PARKED)],
    "dlq peek": [Case("dlq peek failed", _PARKED), Case("dlq peek TEXT", _PARKED, code=2, json=False)],
    "dlq redrive": [
        Case("dlq redrive failed", _PARKED, shows=False),
        Case("dlq redrive failed --yes", _PARKED, shows=False),
    ],
}
_ALL = [case for cases in CASES.values() for case in cases]


def _id(case: Case) -> str:
    return case.arguments


def commands(group: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the names of all commands in a group."""
    for name, command in group.items():
        if hasattr(command, "commands"):
            yield from commands(command.commands, (*path, name))
        else:
            yield " ".join((*path, name))


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Shown]:
    def ran(case: Case, *options: str, terminal: bool = False) -> Shown:
        stack = case.stack()
        path = tmp_path / "in.csv"
        path.write_bytes(BAD_INPUT if case.stack == HostileStack.finished else INPUT)
        words = {"JOB": stack.job_id, "FILE": str(path)}
        arguments = [words.get(each, each.replace("TEXT", HOSTILE)) for each in case.arguments.split()]
        shown = stack.run(*arguments, *options, terminal=terminal)
        # Errors of usage go to the process's stream.
        return Shown(shown.code, shown.out, shown.err + capsys.readouterr().err)

    return ran


def require_printable(text: str) -> None:
    """Check that text controls no terminal and forges no line."""
    raw = {each for each in text if unicodedata.category(each) in _CONTROLS and each not in "\n\t"}
    raw |= {each for each in text if unicodedata.bidirectional(each) in _BIDI}
    assert not raw, (raw, text)
    assert not [line for line in text.splitlines() if line.startswith("forged")], text


def strings(value: object) -> Iterator[str]:
    """Yield the strings in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from strings(each)


def test_every_registered_command_has_a_case() -> None:
    assert set(CASES) == set(commands({name: load(name) for name in COMMANDS}))


@pytest.mark.parametrize("terminal", [False, True], ids=["piped", "terminal"])
@pytest.mark.parametrize("case", _ALL, ids=_id)
def test_people_see_hostile_text_escaped(run: Callable[..., Shown], case: Case, *, terminal: bool) -> None:
    shown = run(case, terminal=terminal)
    assert shown.code == case.code, shown.err
    require_printable(shown.err)
    text = shown.err
    if not case.data or terminal:
        text += shown.out.decode()
    if not case.data:
        require_printable(text)
    assert ("gpj.exe" in text) is case.shows or case.data


@pytest.mark.parametrize("case", [each for each in _ALL if each.json], ids=_id)
def test_json_holds_hostile_text_as_it_is(run: Callable[..., Shown], case: Case) -> None:
    piped, screen = run(case, "--json"), run(case, "--json", terminal=True)
    for shown in (piped, screen):
        assert shown.code == case.code, shown.err
        require_printable(shown.err)
    require_printable(screen.out.decode())
    values = [json.loads(line) for line in piped.out.split(b"\n") if line]
    assert values == [json.loads(line) for line in screen.out.split(b"\n") if line]
    if case.shows and case.code in {0, 3}:
        assert any("\x9b31m\u202egpj" in each for each in strings(values)), piped.out


@pytest.mark.parametrize("case", [each for each in _ALL if each.data], ids=_id)
def test_data_is_written_byte_for_byte_unless_a_terminal_shows_it(run: Callable[..., Shown], case: Case) -> None:
    piped, screen = run(case), run(case, terminal=True)
    assert HOSTILE.encode() in piped.out
    assert screen.out.decode() == printable_lines(piped.out.decode())
    assert "\x1b" not in screen.out.decode()


def test_the_input_of_a_parked_chunk_is_data_too() -> None:
    stack = HostileStack.parked()
    stack.stdin = b'"\x1b[2J\x9b",x\n' * 2
    assert stack.run("parked", "redrive", stack.job_id, "0-2", "--edit", "-").code == 2
    shown = stack.run("parked", "show", stack.job_id, "0-2", "--input", terminal=True)
    assert shown.out == b"1\n2\n"


@pytest.mark.parametrize("name", sorted(CASES.keys() - OFFLINE))
def test_errors_of_every_command_are_escaped(capsys: pytest.CaptureFixture[str], name: str) -> None:
    case = CASES[name][0]
    stack = HostileStack.parked()
    stack.errors.append(InputError(HOSTILE))
    stack.errors[0].add_note(HOSTILE)
    arguments = [each.replace("JOB", stack.job_id).replace("TEXT", HOSTILE) for each in case.arguments.split()]
    for extra in ((), ("--debug",)):
        failed = stack.run(*arguments, *extra)
        assert failed.code == 2, failed.err
        assert not failed.out
        assert extra or failed.err.count("forged") == 2, failed.err
        if not extra:
            require_printable(failed.err)
    for wrong in (f"--{HOSTILE}", HOSTILE):
        assert stack.run(*arguments, wrong, wrong, wrong).code == 2
        require_printable(capsys.readouterr().err)


def test_names_of_commands_that_do_not_exist_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    stack = HostileStack.parked()
    for arguments in ((HOSTILE,), ("parked", HOSTILE), ("status", "--region")):
        assert stack.run(*arguments).code == 2
        require_printable(capsys.readouterr().err)
