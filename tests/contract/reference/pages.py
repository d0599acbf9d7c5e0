"""The pages of the reference, from the commands' options and the docstrings."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mdformat
from griffe import GriffeLoader
from griffe2md import render_object_docs
from typer.cli import get_docs_for_click
from typer.core import TyperGroup

import tailrace
from tailrace.cli.application.typer_commands import build, load
from tailrace.cli.commands.registry import COMMANDS

ROOT = Path(__file__).parents[3]
_NOTE = "<!-- Written by `python -m tests.contract.reference`; a test compares. -->\n\n"
_WRAP = {"wrap": 100, "number": True, "plugin": {"tables": {"compact_tables": True}}}
_CODE = re.compile(r"<code>(.*?)</code>", re.DOTALL)
_LINK = re.compile(r"\[([^\[\]]*)\]\(#[^)]*\)")
_EXAMPLES = re.compile(r"^Examples?:\n((?:  .*\n|\n)+)", re.MULTILINE)
_FIRST = ("Tailrace", "AsyncTailrace", "SubmitKeywords", "Job", "AsyncJob")


def commands() -> str:
    """Return the page of all commands but those of plugins."""
    group = build()
    group.commands = {name: load(name) for name in COMMANDS}
    # The generator asks the group for its list, which would add the plugins.
    group.__class__ = TyperGroup
    context: Any = group.make_context("tailrace", [], resilient_parsing=True)
    text = get_docs_for_click(obj=group, ctx=context, name="tailrace")
    about = "Hold the options of the application itself."
    text = text.replace(about, "The commands and their options, as `--help` shows them.", 1)
    return _page(_EXAMPLES.sub(_as_block, text).replace("# `tailrace`", "# Commands", 1))


def python_api() -> str:
    """Return the page of the names that ``tailrace`` exports."""
    loader = GriffeLoader(search_paths=[str(ROOT / "producers"), str(ROOT / "shared")], docstring_parser="google")
    package = loader.load("tailrace")
    loader.load("tailrace_core")
    loader.resolve_aliases(implicit=True, external=False)
    names = [*_FIRST, *(name for name in tailrace.__all__ if name not in _FIRST)]
    config = {
        "filters": ["!^_"],
        "heading_level": 2,
        "inherited_members": True,
        "members_order": "source",
        "show_if_no_docstring": False,
        "show_root_full_path": False,
        "show_root_members_full_path": False,
        "show_object_full_path": False,
        "show_signature_annotations": True,
        "line_length": 100,
        "summary": False,
    }
    found = [package[name] for name in names]
    docs = [render_object_docs(each.final_target if each.is_alias else each, config=config) for each in found]
    intro = "# Python\n\nThe names that `tailrace` exports; `from tailrace import …` imports each when it is used.\n\n"
    return _page(intro + _CODE.sub(_as_code, "\n".join(docs)))


PAGES: dict[str, Callable[[], str]] = {"commands.md": commands, "python.md": python_api}


def path_of(name: str) -> Path:
    """Return where a page stands."""
    return ROOT / "docs" / "reference" / name


def _page(text: str) -> str:
    """Format a page as the gate demands it: Markdown, and the code in it."""
    page = mdformat.text(_NOTE + text, options=_WRAP, extensions={"gfm"})
    ruff = [str(Path(sys.executable).with_name("ruff")), "format", "--stdin-filename", "page.md", "-"]
    return subprocess.run(ruff, input=page, capture_output=True, text=True, check=True, cwd=ROOT).stdout


def _as_block(match: re.Match[str]) -> str:
    lines: Sequence[str] = [line.strip() for line in match[1].splitlines() if line.strip()]
    return "**Examples**:\n\n```console\n" + "\n".join(f"$ {line}" for line in lines) + "\n```\n\n"


def _as_code(match: re.Match[str]) -> str:
    text = match[1]
    while True:
        plain = _LINK.sub(r"\1", text)
        if plain == text:
            return f"`{plain}`" if "`" not in plain else plain
        text = plain
