"""The list of commands, its table, and completion."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tailrace.cli import commands
from tailrace.cli.application import root_help, run
from tailrace.cli.application.typer_commands import load
from tailrace.cli.commands.registry import COMMANDS
from tailrace.cli.version import __version__


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_has_each_commands_own_help(name: str) -> None:
    command = load(name)
    assert command.name == name
    assert " ".join(command.help.split("\n\n")[0].split()) == COMMANDS[name].help


def test_each_command_on_the_disk_is_in_the_table() -> None:
    folder = Path(commands.__file__).parent
    modules = {
        ".".join(path.relative_to(folder).with_suffix("").parts): path.read_text() for path in folder.rglob("*.py")
    }
    builders = re.compile(r"^def build\(\) -> typer\.Typer:$", re.MULTILINE)
    groups = {stem for stem, text in modules.items() if builders.search(text)}
    assert groups == {listed.module for listed in COMMANDS.values() if listed.is_group}
    of_groups = {"operations.parked_decisions": "operations.parked_chunks"}
    """Modules with some of a group's commands, which the group's own module imports."""
    assert all(f"commands.{part} import" in modules[group] for part, group in of_groups.items())
    guarded = {stem for stem, text in modules.items() if "\n@guarded\n" in text} - of_groups.keys()
    assert guarded == {listed.module for listed in COMMANDS.values()}


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("--help", "submit"), ()])
def test_help_lists_every_command(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == (0 if arguments else 2)
    shown = capsys.readouterr().out
    for name, listed in COMMANDS.items():
        assert f"\n  {name} " in shown
        assert listed.help in " ".join(shown.split())


@pytest.mark.parametrize("columns", ["1", "60", "80", "500"])
def test_the_help_fits_the_terminal(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    text = root_help.text({name: listed.help for name, listed in COMMANDS.items()})
    assert max(map(len, text.splitlines())) <= min(max(int(columns), 45), 100)


def test_the_version_is_printed_whatever_follows(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(("--version", "submit")) == 0
    assert capsys.readouterr().out == f"tailrace {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("submti",), "Did you mean 'submit'?"),
        (("--nope",), "No such option: --nope"),
        (("parked", "lits"), "Did you mean 'list'?"),
        (("status", "--nope"), "No such option: --nope"),
    ],
)
def test_wrong_usage_says_what_is_meant(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    assert said in capsys.readouterr().err


_REQUESTS = {
    "bash": lambda words: {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)},
    "zsh": lambda words: {"_TYPER_COMPLETE_ARGS": words},
    "fish": lambda words: {"_TYPER_COMPLETE_ARGS": words, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
}


@pytest.mark.parametrize("shell", _REQUESTS)
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("tailrace ", {*COMMANDS}),
        ("tailrace submit --chunk-r", {"--chunk-rows"}),
        ("tailrace parked ", {"list", "show", "redrive", "discard"}),
        ("tailrace --ver", {"--version"}),
    ],
)
def test_shells_complete_commands_and_options(
    shell: str,
    words: str,
    offered: set[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("_TAILRACE_COMPLETE", f"complete_{shell}")
    for name, value in _REQUESTS[shell](words).items():
        monkeypatch.setenv(name, value)
    assert run(()) == 0
    shown = capsys.readouterr().out
    assert offered <= set(re.findall(r"[\w-]+", shown))
    assert "--no-clobber" not in shown
