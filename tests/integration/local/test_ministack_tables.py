"""Narrowed queries have the same answers, and evaluate one page's conditions only."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tailrace_local.control.workspace import Workspace
from tests.tools import skipped_without_tools

SCRIPT = Path(__file__).with_name("fixtures") / "compare_queries.py"


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    workspace = Workspace.here()
    with skipped_without_tools():
        python = workspace.tool("cloud")
    done = subprocess.run(
        [python, SCRIPT],
        cwd=tmp_path_factory.mktemp("queries"),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": workspace.sources},
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.mark.cloud
def test_narrowed_queries_are_answered_as_ministack_answers_them(compared: dict[str, Any]) -> None:
    assert compared["differing"] == []
    assert compared["counts"][:7] == [300, 7, 5, 5, 3, 258, 3]


@pytest.mark.cloud
def test_a_page_of_seven_evaluates_seven_conditions(compared: dict[str, Any]) -> None:
    assert compared["evaluated"] == 7


@pytest.mark.cloud
def test_nothing_of_the_narrowing_is_left_behind(compared: dict[str, Any]) -> None:
    assert compared["tables"] == ["ledger"]
