"""Each import contract of pyproject.toml holds, and fails when an import that it forbids is planted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.infra.templates import ROOT

CORE, CLIENT = "shared/tailrace_core", "producers/tailrace"
CONSUMERS, LOCAL = "consumers/tailrace_consumers", "infra/local/tailrace_local"
SOURCES = ("shared", "producers", "consumers", "infra/local")
PLANTED = [
    ("packages", f"{CORE}/jobs/model.py", "import tailrace.progress"),
    ("packages", f"{CLIENT}/options.py", "from tailrace_consumers import ports"),
    ("packages", f"{CONSUMERS}/ports.py", "import tailrace"),
    ("packages", f"{CONSUMERS}/ports.py", "if True:\n    import tailrace_local.cli"),
    ("packages", f"{CLIENT}/client/sync_client.py", "def f():\n    from tailrace_local import testing"),
    ("consumers-are-deployed", f"{LOCAL}/testing.py", "import tailrace_consumers.ports"),
    ("core-needs", f"{CORE}/errors.py", "import boto3"),
    ("core-needs", f"{CORE}/ledger/rules.py", "def f():\n    from botocore.config import Config"),
    ("core", f"{CORE}/errors.py", "from tailrace_core.jobs import ranges"),
    ("core", f"{CORE}/aws/calls.py", "import tailrace_core.csv_text.records"),
    ("core", f"{CORE}/records/columns.py", "import tailrace_core.submission.planning"),
    ("client", f"{CLIENT}/sources/source.py", "import tailrace.submit.submitter"),
    ("client", f"{CLIENT}/new_module.py", ""),
    ("doctor", f"{CLIENT}/doctor/findings.py", "import tailrace.doctor.diagnosis"),
    ("command-line", f"{CLIENT}/cli/reports/__init__.py", "import tailrace.cli.commands"),
    ("consumers", f"{CONSUMERS}/collect_results/service.py", "import tailrace_consumers.handle_failures.service"),
    ("consumers", f"{CONSUMERS}/chunks/__init__.py", "from tailrace_consumers import composition"),
    ("chunks", f"{CONSUMERS}/chunks/settling.py", "import tailrace_consumers.chunks.failures"),
    ("local", f"{LOCAL}/emulator_base/__init__.py", "import tailrace_local.cloud.settings"),
    ("cloud", f"{LOCAL}/cloud/iam/__init__.py", "import tailrace_local.cloud.ministack"),
    ("ministack", f"{LOCAL}/cloud/ministack/patching.py", "import tailrace_local.cloud.ministack.queues"),
    ("sagemaker", f"{LOCAL}/sagemaker/messages/__init__.py", "import tailrace_local.sagemaker.hosting"),
    ("servers-run-elsewhere", f"{LOCAL}/control/__init__.py", "import tailrace_local.cloud.server"),
    ("cloud-needs", f"{LOCAL}/cloud/settings.py", "import typer"),
    ("cloud-needs", f"{LOCAL}/sagemaker/settings.py", "import tailrace.client"),
    ("no-cycles", f"{CORE}/jobs/ranges.py", "import tailrace_core.jobs.model\nimport tailrace_core.ledger.rules"),
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("tree")
    for folder in SOURCES:
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def lint(tree: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", *options],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(str(tree / folder) for folder in SOURCES)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_clean_tree_keeps_every_contract(tree: Path) -> None:
    done = lint(tree)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("contract", "module", "source"), PLANTED)
def test_a_forbidden_import_breaks_its_contract(tree: Path, contract: str, module: str, source: str) -> None:
    path = tree / module
    before = path.read_text() if path.exists() else None
    path.write_text(f"{before or ''}\n{source}\n")
    try:
        done = lint(tree, "--contract", contract)
    finally:
        path.unlink() if before is None else path.write_text(before)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "0 kept, 1 broken" in done.stdout, done.stdout


def test_every_contract_has_a_planted_import() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert {each["id"] for each in settings["contracts"]} == {contract for contract, *_ in PLANTED}
