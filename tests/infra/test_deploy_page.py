"""docs/deploy.md speaks of what there is: links, outputs, parameters."""

from __future__ import annotations

import re

from tests.infra.runbook import anchor
from tests.infra.templates import ROOT, root, source

PAGE = ROOT / "docs/deploy.md"
# Names of CloudFormation, SageMaker's API and the shell that are spelt like ours.
OTHERS = {"SAGEMAKER_SUBMIT_DIRECTORY", "S3OutputPath", "S3FailurePath", "PATH", "TAILRACE_STACK"}


def test_its_links_lead_somewhere() -> None:
    for path, fragment in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", PAGE.read_text()):
        page = (PAGE.parent / path).resolve() if path else PAGE
        assert page.exists(), path
        if fragment:
            assert fragment in {anchor(each) for each in re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)}


def test_the_outputs_that_it_names_exist() -> None:
    named = set(re.findall(r"`(\w+(?:Policy|Topic|Queue|Url))`", PAGE.read_text()))
    known = {*root().body["Outputs"], *root().body["Parameters"]}
    assert named - known - OTHERS == set()


def test_the_parameters_that_it_sets_exist() -> None:
    set_here = set(re.findall(r"\b([A-Z]\w+)=", PAGE.read_text())) - OTHERS
    assert "MaxInstanceCount" in set_here
    assert set_here <= {*root().body["Parameters"], *source("infra/deployer.yaml").body["Parameters"]}
