"""The blocks of a page of docs/, to be run in their order as a reader runs them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tailrace_local.control.workspace import Workspace
from tests.integration.local.shell import Shell
from tests.tools import skipped_without_tools

ROOT = Workspace.here().root
_BLOCK = re.compile(r"(?:<!-- ([^>]*) -->\s+)?```(console|python|toml)\n(.*?)```", re.DOTALL)
_FILE = "file: "


@dataclass(frozen=True)
class Block:
    """A block of a page; ``note`` is the comment before it."""

    note: str
    language: str
    text: str

    @property
    def file(self) -> str:
        """The name of the file that the block is; empty for commands."""
        return self.note.removeprefix(_FILE) if self.note.startswith(_FILE) else ""

    @property
    def commands(self) -> list[str]:
        """The commands of a block for the console."""
        assert all(line.startswith("$ ") for line in self.text.splitlines()), self.text
        return [line.removeprefix("$ ") for line in self.text.splitlines()]


def blocks(page: str) -> list[Block]:
    """Return a page's blocks in order."""
    text = (ROOT / "docs" / page).read_text()
    return [Block(note or "", language, body) for note, language, body in _BLOCK.findall(text)]


@contextmanager
def page_shell(state: Path, **variables: str) -> Iterator[Shell]:
    """Yield a shell without the caller's AWS settings, whose cloud is taken down at the end."""
    with skipped_without_tools():
        Workspace.here().tool("sam")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TAILRACE_"))}
    with Shell(ROOT, {**kept, "TAILRACE_LOCAL_STATE": str(state), "COLUMNS": "100", **variables}) as shell:
        yield shell
        shell.run("tailrace local down")
