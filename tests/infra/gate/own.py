"""Tailrace's own checkers: the structural rules and the access matrix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tests.infra import rules
from tests.infra.access.matrix import disagreements, key_disagreements
from tests.infra.access.places import BEIJING, IRELAND
from tests.infra.gate.deployments import Deployment
from tests.infra.gate.findings import Finding
from tests.infra.rules.shapes import Rule
from tests.infra.scenarios import DEPLOYING, FAN_OUT, HARDENED, REALTIME, TRAINING
from tests.infra.templates import Template


def rules_kept(deployments: Iterable[Deployment]) -> Iterator[Finding]:
    """Check the structural rules on stacks with their parameters filled in, and the rules on spelling on the source."""
    for deployment in deployments:
        asked = (*rules.ALWAYS, *(rules.HARDENED if deployment.scenario in {HARDENED, REALTIME} else ()))
        for stack in deployment.stacks.values():
            yield from _findings(asked, deployment, stack)
            yield from _findings(rules.SPELLING, deployment, deployment.template(stack.name))


def _findings(asked: Iterable[Rule], deployment: Deployment, template: Template) -> Iterator[Finding]:
    for rule in asked:
        for message in rule(template):
            yield Finding("rules", rule.__name__, deployment.name, template.name, "", message)


def access(deployments: Iterable[Deployment]) -> Iterator[Finding]:
    """Check the access matrix in both partitions, and the use of the customer managed key where there is one."""
    for deployment in deployments:
        if deployment.scenario in {DEPLOYING, FAN_OUT, TRAINING}:
            continue  # the matrix is about the roles of template.yaml
        for place in (IRELAND, BEIJING):
            world = deployment.world(place)
            for message in disagreements(world):
                yield Finding("access", "matrix", deployment.name, "", place.region, message)
            if deployment.scenario in {HARDENED, REALTIME}:
                for message in key_disagreements(world):
                    yield Finding("access", "key", deployment.name, "", place.region, message)
