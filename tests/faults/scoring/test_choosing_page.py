"""The blocks of docs/choosing.md run as a reader runs them; a model listens where the page says."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tailrace_core.engines import LIMITS, Engine
from tests.faults.scoring.server import FaultyModel, serving

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "choosing.md").read_text()
ADDRESS = "http://127.0.0.1:8080"


def test_the_blocks_run(tmp_path: Path) -> None:
    variables = {
        "HOME": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(str(ROOT / each) for each in ("producers", "shared")),
    }
    said: dict[str, str] = {}
    with serving(FaultyModel("page")) as url:
        commands = [
            ["bash", "-c", line.removeprefix("$ ").replace(ADDRESS, url)]
            for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
            for line in block.splitlines()
        ]
        commands += [
            [sys.executable, "-c", block.replace(ADDRESS, url)]
            for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
        ]
        assert len(commands) == 8
        for command in commands:
            done = subprocess.run(
                command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=180, check=False
            )
            assert done.returncode == 0, (command, done.stderr)
            said[command[-1]] = done.stdout
    plain, awaited, china = (text for command, text in said.items() if command.startswith("tailrace advise"))
    assert "\nTake serverless: " in plain
    # The template refuses a serverless endpoint without it.
    assert "\ndeploy a stack with EndpointKind=serverless ModelNetworkIsolation=false " in plain
    assert "\nTake realtime: " in awaited
    assert json.loads(china)["best"] == "async"
    assert (tmp_path / "scored.csv").read_text().count("\n") == 1_001
    assert gzip.decompress((tmp_path / "all.csv.gz").read_bytes()).startswith(b"id,x,prediction\nr1,1,")
    assert said[commands[-1][-1]].startswith("1000 0 ")


def test_the_limits_are_those_of_the_engines() -> None:
    cells = {
        row[0]: row[1:] for row in (re.split(r" *\| *", line.strip("| ")) for line in PAGE.splitlines() if "|" in line)
    }
    assert cells["default chunk"] == [f"{LIMITS[each].default_chunk_bytes >> 20} MiB" for each in _COLUMNS]
    assert cells["time of a request"] == [_time(LIMITS[each].max_model_s) for each in _COLUMNS]


_COLUMNS = (Engine.REALTIME, Engine.SERVERLESS, Engine.ASYNC, Engine.TRANSFORM)


def _time(seconds: int) -> str:
    return "1 h" if seconds == 3_600 else f"{seconds} s"
