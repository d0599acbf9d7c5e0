"""cfn-lint, for every region that matters, on the templates as written and as CloudFormation gets the root."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.infra.templates import ROOT, root

REGIONS = ("eu-west-1", "us-east-1", "cn-north-1", "cn-northwest-1")


def complaints(*paths: Path, ignore: tuple[str, ...] = ()) -> str:
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--regions", *REGIONS]
    command += [argument for check in ignore for argument in ("--ignore-checks", check)]
    command += ["--template", *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120).stdout


def test_the_templates_lint_clean() -> None:
    assert complaints(ROOT / "template.yaml", *(ROOT / "infra").glob("*.yaml")) == ""


def test_the_translated_template_lints_clean(tmp_path: Path) -> None:
    # With the transform present cfn-lint does not look at IAM actions and hard-coded ARNs.
    shutil.copytree(ROOT / "infra", tmp_path / "infra", ignore=shutil.ignore_patterns("local"))
    translated = tmp_path / "template.json"
    translated.write_text(json.dumps(root().body))
    # W3002: the nested template is a local path until it is packaged.
    assert complaints(translated, ignore=("W3002",)) == ""


def test_a_misspelt_action_would_be_seen(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "infra", tmp_path / "infra", ignore=shutil.ignore_patterns("local"))
    template = root().copy()
    next(statement for _, statement in template.role_statements())["Action"] = "logs:CreateLogStreem"
    (tmp_path / "template.json").write_text(json.dumps(template.body))
    assert "CreateLogStreem".lower() in complaints(tmp_path / "template.json", ignore=("W3002",)).lower()


def test_sam_accepts_what_it_is_to_deploy() -> None:
    done = subprocess.run(
        [ROOT / ".tools/sam/bin/sam", "validate", "--lint", "--region", "eu-west-1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={"SAM_CLI_TELEMETRY": "0", "HOME": str(Path.home()), "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
