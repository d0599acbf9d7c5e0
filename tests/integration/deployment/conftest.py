"""One cloud for all deployments.

Over TLS, with IAM enforced, and with serial pipelines allowed on request.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tailrace_local.control.build import Builder
from tailrace_local.control.deployment import Deployment
from tailrace_local.control.workspace import Workspace
from tailrace_local.state_directory import StateDirectory
from tailrace_local.testing import RunningCloud, bare_cloud
from tests.integration.deployment.deployer import STACK_NAME, Deployer, deploy_deployer
from tests.integration.deployment.inventory import inventory
from tests.integration.deployment.models import DemoModel
from tests.integration.deployment.stacks import Stack
from tests.integration.pipeline.demand_rows import Row, ask_model, demand_rows
from tests.tools import skipped_without_tools

ROWS = demand_rows(250, seed=41)


@pytest.fixture(scope="package")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    state = tmp_path_factory.mktemp("deployments") / "state"
    with skipped_without_tools(), bare_cloud(state, enforce_iam=True, tls=True, allow_serial_pipelines=True) as running:
        yield running


@pytest.fixture(scope="package")
def deployer(cloud: RunningCloud) -> Deployer:
    """The role of infra/deployer.yaml, which deploys every stack of these tests."""
    return deploy_deployer(cloud)


@pytest.fixture(scope="package")
def blank(cloud: RunningCloud, deployer: Deployer) -> Stack:
    """An undeployed stack of `sam build`'s output, from which tests derive stacks of other names."""
    workspace = Workspace.here()
    built, _ = Builder(workspace).template(workspace.template)
    Deployment(workspace, StateDirectory(cloud.state_dir), cloud.facts).make_bucket()
    return Stack(cloud, built, STACK_NAME, deployer.credentials())


@pytest.fixture(scope="package")
def demo(blank: Stack) -> DemoModel:
    """The demo's model, uploaded."""
    workspace = Workspace.here()
    archive, _ = Builder(workspace).model()
    parameters = Deployment(workspace, StateDirectory(blank.cloud.state_dir), blank.cloud.facts).model_parameters(
        archive
    )
    return DemoModel(parameters["ModelImage"], parameters["ModelDataUrl"])


@dataclass(frozen=True)
class Base:
    """The stack of most tests, the cloud's inventory before it, and its model's predictions."""

    stack: Stack
    before: set[str]
    told: dict[tuple[str, ...], str]

    def expected(self, rows: list[Row]) -> list[str]:
        """Return the prediction of each row, one of `ROWS`. All modes have the same model."""
        return [self.told[tuple(row)] for row in rows]


@pytest.fixture(scope="package")
def base(blank: Stack, demo: DemoModel) -> Base:
    """The whole template for `ModelImage`, deployed by the SAM CLI."""
    before = inventory(blank.cloud)
    facts = blank.deploy(demo.parameters())
    answers = ask_model(facts.model_url or "", ROWS)
    return Base(blank, before, {tuple(row): answer for row, answer in zip(ROWS, answers, strict=True)})
