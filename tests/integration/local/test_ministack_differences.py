"""MiniStack without patches still differs from AWS where a patch says so; fails when one can go."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tailrace_local.control.workspace import Workspace
from tests.tools import skipped_without_tools

SCRIPT = Path(__file__).parent / "fixtures" / "ministack_differences.py"


@pytest.mark.cloud
def test_every_corrected_difference_is_still_there(tmp_path: Path) -> None:
    workspace = Workspace.here()
    with skipped_without_tools():
        python = workspace.tool("cloud")
    done = subprocess.run(
        [python, SCRIPT],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": workspace.sources},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
