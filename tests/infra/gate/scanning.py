"""Checkov and cdk-nag, on stacks with their parameters filled in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.infra.gate.deployments import Deployment, write
from tests.infra.gate.findings import Finding
from tests.infra.gate.tools import CHECKS, NODE, NODE_MODULES, ToolError, output
from tests.infra.templates import ROOT

NAG = ROOT / "infra/checks/nag.cjs"


def checkov(deployments: Sequence[Deployment]) -> Iterator[Finding]:
    """Run checkov's rules for CloudFormation, without its platform."""
    with TemporaryDirectory() as folder:
        files = write(Path(folder), deployments)
        options = ["--skip-download", "--framework", "cloudformation", "--compact", "--output", "json"]
        answer = json.loads(output([CHECKS / "checkov", *options, "--directory", folder], accepted=(0, 1)))
        if answer["summary"]["parsing_errors"] or not answer["summary"]["passed"]:
            raise ToolError(f"checkov could not read the templates: {answer['summary']}")
        for each in answer["results"]["failed_checks"]:
            deployment, path = files[Path(folder) / each["file_path"].lstrip("/")]
            resource = each["resource"].rsplit(".", 1)[-1]
            yield Finding("checkov", each["check_id"], deployment.name, path, resource, each["check_name"])


def cdk_nag(deployments: Sequence[Deployment]) -> Iterator[Finding]:
    """Run cdk-nag's packs AwsSolutions and Serverless."""
    with TemporaryDirectory() as folder:
        files = write(Path(folder), deployments)
        answer = output([NODE, NAG, *files], environment={"NODE_PATH": str(NODE_MODULES)})
        for each in json.loads(answer):
            deployment, path = files[Path(each["file"])]
            yield Finding("cdk-nag", each["rule"], deployment.name, path, each["resource"], each["message"])
