"""AWS's cloudformation-validate, with the Guard rules of Control Tower's proactive controls."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache

from cloudformation_validate import (
    CompositeEngine,
    CompositeEngineConfig,
    PseudoParameterOverrides,
    ReportStatus,
    RuleFilterConfig,
    Severity,
    TemplateContent,
    ValidateConfig,
    file_to_external_rule_source,
)

from tests.infra.access.places import BEIJING, IRELAND, Place
from tests.infra.gate.deployments import Deployment
from tests.infra.gate.findings import Finding
from tests.infra.gate.tools import GUARD_RULES, ToolError
from tests.infra.templates import Template


def valid(deployments: Iterable[Deployment]) -> Iterator[Finding]:
    """Check the schemas and rules of both partitions."""
    for deployment in deployments:
        for stack in deployment.stacks.values():
            for place in (IRELAND, BEIJING):
                yield from _findings("validate", _engine(frozenset()), _config(place), deployment, stack)


def controls(deployments: Iterable[Deployment]) -> Iterator[Finding]:
    """Check the proactive controls, which do not depend on the region."""
    for deployment in deployments:
        for stack in deployment.stacks.values():
            kinds = frozenset(resource["Type"] for resource in stack.body["Resources"].values())
            config = ValidateConfig(disable_builtin_rules=True)
            yield from _findings("control-tower", _engine(kinds), config, deployment, stack)


@cache
def _engine(kinds: frozenset[str]) -> CompositeEngine:
    """An engine with the Guard rules that speak of some resource types; the others cost time and can find nothing."""
    rules = sorted(GUARD_RULES.rglob("*.guard")) if kinds else []
    if kinds and not rules:
        raise ToolError(f"no rules in {GUARD_RULES}: `make setup` installs them")
    used = [rule for rule in rules if any(f'"{kind}"' in rule.read_text() for kind in kinds)]
    return CompositeEngine(CompositeEngineConfig(guard_rules=[file_to_external_rule_source(rule) for rule in used]))


# Hard-coded ARNs and accounts: what is looked at here is filled in with some; a rule of ours looks
# at what is written.
FILLED_IN = ["W9002", "W9013"]


def _config(place: Place) -> ValidateConfig:
    return ValidateConfig(
        severity_level=Severity.WARN,
        exclude=RuleFilterConfig(ids=FILLED_IN),
        pseudo_parameter_overrides=PseudoParameterOverrides(
            account_id=place.account, partition=place.partition, region=place.region, url_suffix=place.suffix
        ),
    )


def _findings(
    checker: str, engine: CompositeEngine, config: ValidateConfig, deployment: Deployment, stack: Template
) -> Iterator[Finding]:
    report = engine.validate_template(TemplateContent(json.dumps(stack.body), stack.name), config)
    if report.status is not ReportStatus.OK:
        raise ToolError(f"cloudformation-validate did not get through {stack.name}: {report.diagnostics}")
    for each in report.diagnostics:
        resource = each.entity.logical_id if each.entity else ""
        yield Finding(checker, each.rule_id, deployment.name, stack.name, resource, each.message)
