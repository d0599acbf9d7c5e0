"""cfn-lint, on templates as they are written and as CloudFormation gets them, for regions of both partitions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.infra.gate.deployments import Deployment, write_templates
from tests.infra.gate.findings import Finding
from tests.infra.gate.tools import beside_python, output
from tests.infra.templates import ROOT, paths

REGIONS = ("eu-west-1", "cn-north-1", "cn-northwest-1")
# Informational like the others of its kind, but what becomes of data is nothing to leave open.
ALSO = "I3011"
# Errors 2, warnings 4, information 8, in any combination.
_FOUND = (0, 2, 4, 6, 8, 10, 12, 14)


def linted(deployments: Sequence[Deployment]) -> Iterator[Finding]:
    """Run cfn-lint on both forms: where SAM's transform is declared, it checks neither IAM actions nor ARNs.

    It evaluates conditions itself, so one way to deploy the templates as they are stands for all.
    """
    first, *others = deployments
    deployments = [first, *(each for each in others if each.planted)]
    with TemporaryDirectory() as folder:
        files = write_templates(Path(folder), deployments)
        names = {str(file): (deployment.name, path) for file, (deployment, path) in files.items()}
        names |= {str(ROOT / path): ("source", path) for path in paths()}
        command = [beside_python("cfn-lint"), "--format", "json", "--include-checks", ALSO, "--regions", *REGIONS]
        for each in json.loads(output([*command, "--template", *names], accepted=_FOUND) or "[]"):
            where = each["Location"]["Path"] or []
            resource = str(where[1]) if len(where) > 1 else ""
            yield Finding("cfn-lint", each["Rule"]["Id"], *names[each["Filename"]], resource, each["Message"])
