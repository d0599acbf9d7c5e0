"""What is parsed without Typer is parsed as Typer parses it."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tailrace.cli.application.parsing import UnknownError, parse
from tailrace.cli.application.typer_commands import typer_command
from tailrace.cli.commands.registry import COMMANDS

_NAMES = ("submit", "status", "wait", "download", "jobs", "cancel")
_OPTIONS = (
    "--stack", "--wait", "--output", "-o", "--json", "--dry-run", "--header", "--keep", "--chunk-rows", "--chunk-bytes",
    "--max-attempts", "--on-parked", "--on-bad-row", "--canaries", "--output-type", "--concurrency", "--quiet", "-q",
    "--debug", "--timeout", "--profile", "--region", "--endpoint-url", "--limit", "--reason", "--tag", "--state",
    "--no-clobber", "--nope", "--no-wait", "-qo", "--help", "-h", "--",
)  # fmt: skip
_VALUES = ("a.csv", "-", "", "0", "1", "8", "100", "1001", "07", "+1", "1_0", "strip", "reject", "fail", "STRIP",
           "number", "running", "k=v", "ä", "\udcff", "a\nb", "-1", "--json", "90s", "2.5")  # fmt: skip
_WORD = st.one_of(
    st.sampled_from(_OPTIONS),
    st.sampled_from(_VALUES),
    st.tuples(st.sampled_from(_OPTIONS), st.sampled_from(_VALUES)).map("=".join),
)
_PAIR = st.tuples(st.sampled_from(_OPTIONS), st.sampled_from(_VALUES)).map(list)
_LINE = st.lists(_PAIR | _WORD.map(lambda word: [word]), max_size=6).map(lambda parts: list(itertools.chain(*parts)))


def of_typer(command: Callable[..., Any], words: list[str]) -> dict[str, Any] | None:
    """Return what Typer calls the command with, None where it does not call it."""
    seen: list[dict[str, Any]] = []

    @functools.wraps(command)
    def called(**values: Any) -> None:
        values.pop("context")
        seen.append(values)

    try:
        typer_command(called, "command").main(words, prog_name="tailrace", standalone_mode=False)
    except Exception:  # noqa: BLE001 - usage errors, whose common class Typer does not name
        return None
    return seen[0] if seen else None


@settings(max_examples=300)
@given(st.sampled_from(_NAMES), _LINE)
@example("submit", ["a.csv", "--json", "b.csv", "--stack", "s", "--chunk-rows=7", "-o", "-"])
@example("status", ["JOB", "--stack=a=b", "--json"])
@example("jobs", ["--state", "running", "--state", "failed", "--limit", "3"])
@example("cancel", ["--", "-JOB"])
def test_what_is_parsed_here_is_what_typer_parses(name: str, words: list[str]) -> None:
    command = COMMANDS[name].imported()
    try:
        parsed = parse(command, words)
    except UnknownError:
        return
    assert parsed == of_typer(command, words)


@pytest.mark.parametrize(
    "line",
    [
        "submit a.csv b.csv --stack s --header none --window 0 --json --quiet --endpoint-url http://127.0.0.1:1",
        "submit - --stack s --dry-run --keep id,name --chunk-bytes 4MiB --on-parked fail -o out.csv",
        "status JOB --stack s --json",
        "wait JOB --timeout 15m",
        "download JOB -o - --safe-csv",
        "jobs --limit 5",
        "cancel JOB --reason late",
    ],
)
def test_ordinary_lines_need_no_typer(line: str) -> None:
    name, *words = line.split()
    command = COMMANDS[name].imported()
    assert parse(command, words) == of_typer(command, words)


def test_the_environment_names_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAILRACE_STACK", "named")
    command = COMMANDS["status"].imported()
    for words, stack in ((["JOB"], "named"), (["JOB", "--stack", "other"], "other")):
        assert parse(command, words)["stack"] == stack
        assert parse(command, words) == of_typer(command, words)
    monkeypatch.setenv("TAILRACE_STACK", "")
    assert parse(command, ["JOB"]) == of_typer(command, ["JOB"])
