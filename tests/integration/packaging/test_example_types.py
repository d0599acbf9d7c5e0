"""The examples as a type checker of another maker sees them: pyright, which editors use. `make check` runs mypy."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tailrace_local.errors import MissingToolError
from tests.notebooks import notebook_code
from tests.tools import skipped_without_tools

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "docs/examples"
NODE = ROOT / ".tools/node/bin/node"
PYRIGHT = ROOT / ".tools/npm/node_modules/pyright/index.js"
_AIRFLOW = """
from collections.abc import Callable
from typing import ParamSpec, TypeVar
P = ParamSpec("P")
R = TypeVar("R")
def dag(**options: object) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def task(**options: object) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
"""
_WRONG = """
from tailrace import AsyncTailrace, Tailrace
job = Tailrace().submit("a.csv", keep=["id"], chunk_rows=10, header="none", output_type="number")
rows: int = job.download("b.csv").rows
data: bytes = next(iter(job)).data
job.to_pandas().describe()
Tailrace().submit("a.csv", chunk_size=3)
Tailrace().submit("a.csv", header="strips")
AsyncTailrace().estimate("a.csv", window="all")
rows = job.result()
"""


def test_pyright_accepts_the_examples_and_knows_every_option(tmp_path: Path) -> None:
    for path in EXAMPLES.glob("*.py"):
        shutil.copy(path, tmp_path)
    notebooks = list(EXAMPLES.glob("*.ipynb"))
    for path in notebooks:
        (tmp_path / path.with_suffix(".py").name).write_text(notebook_code(path))
    (tmp_path / "airflow").mkdir()
    (tmp_path / "airflow/sdk.pyi").write_text(_AIRFLOW)
    (tmp_path / "wrong.py").write_text(_WRONG)
    config = {"typeCheckingMode": "standard", "reportMissingTypeStubs": False, "reportUnusedExpression": False}
    # The stub of Airflow has no source.
    config |= {"reportMissingModuleSource": False, "reportUnusedCoroutine": False}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(config))
    found = list(_findings(tmp_path))
    assert len(list(EXAMPLES.glob("*.py"))) + len(notebooks) >= 3
    assert [each for each in found if Path(each["file"]).name != "wrong.py"] == []
    wrong = [(each["range"]["start"]["line"], each["rule"]) for each in found]
    lines = _WRONG.splitlines()
    assert [(lines[line][:24], rule) for line, rule in wrong] == [
        ('Tailrace().submit("a.csv', "reportCallIssue"),
        ('Tailrace().submit("a.csv', "reportArgumentType"),
        ("AsyncTailrace().estimate", "reportArgumentType"),
        ("rows = job.result()", "reportAssignmentType"),
    ]


def _findings(project: Path) -> Iterable[dict[str, Any]]:
    with skipped_without_tools():
        if not PYRIGHT.exists() or not NODE.exists():
            raise MissingToolError(f"{PYRIGHT} is missing: run make setup")
    done = subprocess.run(
        [NODE, PYRIGHT, "--outputjson", "--pythonpath", sys.executable, "--project", project],
        capture_output=True,
        timeout=300,
        check=False,
        text=True,
    )
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] > 3
    findings: list[dict[str, Any]] = report["generalDiagnostics"]
    return findings
