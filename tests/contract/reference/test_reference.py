"""The reference is what the code says."""

from __future__ import annotations

import pytest

from tailrace.cli.commands.registry import COMMANDS
from tests.contract.reference.pages import PAGES, path_of


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_the_reference_is_up_to_date(name: str) -> None:
    assert path_of(name).read_text(encoding="utf-8") == PAGES[name](), (
        "write it anew with `python -m tests.contract.reference`"
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_of_commands_has_each_command(name: str) -> None:
    assert f"## `tailrace {name}`\n" in path_of("commands.md").read_text(encoding="utf-8")
