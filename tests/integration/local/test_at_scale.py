"""The blocks of docs/at-scale.md, run in their order: objects cut where they lie, and an inbox."""

from __future__ import annotations

import gzip
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.local.pages import ROOT, blocks, page_shell
from tests.integration.local.shell import Shell

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(900)]

FOLDER = ROOT / ".tailrace" / "scale"
ROWS = 20_000


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    shutil.rmtree(FOLDER, ignore_errors=True)
    with page_shell(tmp_path / "state") as shell:
        yield shell


def test_a_prefix_is_cut_where_it_lies_and_a_file_that_arrives_comes_back(shell: Shell) -> None:
    said: dict[str, str] = {}
    for block in blocks("at-scale.md"):
        for command in block.commands:
            ran = shell.run(command)
            assert ran.code == 0, f"{command}: {ran.output[-3000:]}"
            said[command] = ran.output

    counted = next(text for command, text in said.items() if "--dry-run" in command)
    assert re.search(r"rows: +60,000", counted), counted
    days = [(FOLDER / "day-1.csv").read_bytes(), gzip.decompress((FOLDER / "day-2.csv.gz").read_bytes())]
    days.append((FOLDER / "day-3.csv").read_bytes())
    scored, arrived = ((FOLDER / name).read_bytes() for name in ("scored.csv", "arrived.csv"))
    assert [day.count(b"\n") - 1 for day in days] == [ROWS] * 3
    assert scored.count(b"\n") - 1 == 3 * ROWS
    # The same rows have the same predictions, whichever way they came.
    assert scored.splitlines()[1 : ROWS + 1] == arrived.splitlines()[1:]
    shutil.rmtree(FOLDER)
