"""Every template deploys in China unchanged, and the rules find planted flaws."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]  # ships no types

from tests.infra import china
from tests.infra.evaluation import effective
from tests.infra.rules.spelling import PLACELESS
from tests.infra.templates import ROOT, Template, as_deployed, root

if TYPE_CHECKING:
    from collections.abc import Callable

REGIONS = ("cn-north-1", "cn-northwest-1")
NESTED = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "infra").glob("*.yaml"))


def load(path: str, region: str) -> Template:
    """Return a template as CloudFormation gets it there, with default parameters."""
    template = as_deployed(path, region)
    return Template(path, {**template.body, "Resources": effective(template, template.body["Resources"])})


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("path", ["template.yaml", *NESTED])
def test_a_template_asks_for_nothing_that_china_lacks(path: str, region: str) -> None:
    template = load(path, region)
    assert china.findings(template) == []
    there = PROVIDER_SCHEMA_MANAGER.get_resource_types(region)
    kinds = {resource["Type"] for resource in template.body["Resources"].values()}
    assert {kind for kind in kinds if kind not in there and not kind.startswith("Custom::")} == set()


def test_the_translation_differs_from_that_of_other_regions_in_nothing() -> None:
    assert root("cn-north-1").body == root("eu-west-1").body


def test_every_nested_template_is_looked_at() -> None:
    named = re.findall(r"TemplateURL: (\S+)", (ROOT / "template.yaml").read_text())
    assert set(named) <= set(NESTED)


@pytest.mark.parametrize("package", ["shared", "producers", "consumers"])
def test_no_code_spells_a_partition_out(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        code = path.read_text()
        assert "arn:aws" not in code, path
        for name in re.findall(r"[^\s\"']*amazonaws.*", code):
            # Principals of services have one name in all partitions.
            principal = PLACELESS.match(name)
            # A table of partitions names China's too.
            assert principal or r"(?:\.cn)?" in name or '"amazonaws.com.cn"' in code, (path, name)


def put(key: str, name: str, value: Any) -> Callable[[Template], None]:
    return lambda template: template.properties(key).update({name: value})


def grant(key: str, action: str) -> Callable[[Template], None]:
    def change(template: Template) -> None:
        next(statement for role, statement in template.role_statements() if role == key)["Action"] = [action]

    return change


def add(kind: str) -> Callable[[Template], None]:
    return lambda template: template.body["Resources"].update(Added={"Type": kind})


QUEUE_ARN = {"Fn::Sub": "arn:aws:sqs:${AWS::Region}:${AWS::AccountId}:x"}
FLAWS: list[tuple[str, Callable[[Template], Any]]] = [
    ("no_partition_is_spelt_out", put("SucceededSubscription", "Endpoint", QUEUE_ARN)),
    ("no_suffix_is_spelt_out", put("SucceededSubscription", "Endpoint", "https://sqs.x.amazonaws.com/1/q")),
    ("no_suffix_is_spelt_out", put("CollectResults", "Description", "ec2.amazonaws.com")),
    ("no_region_is_spelt_out", put("CollectResults", "Description", "as in eu-west-1")),
    ("everything_needed_is_there", put("CollectResults", "TracingConfig", {"Mode": "Active"})),
    ("everything_needed_is_there", put("CollectResults", "SnapStart", {"ApplyOn": "PublishedVersions"})),
    ("everything_needed_is_there", put("CollectResults", "Layers", ["powertools"])),
    (
        "everything_needed_is_there",
        put("FailedDeadLetterQueue", "RedriveAllowPolicy", {"redrivePermission": "denyAll"}),
    ),
    ("everything_needed_is_there", put("CollectResultsSucceeded", "MetricsConfig", {"Metrics": ["EventCount"]})),
    ("everything_needed_is_there", put("CollectResultsSucceeded", "Tags", [{"Key": "a", "Value": "b"}])),
    ("everything_needed_is_there", grant("OperatorPolicy", "sqs:StartMessageMoveTask")),
    ("everything_needed_is_there", grant("CollectResultsRole", "xray:PutTraceSegments")),
    ("everything_needed_is_there", add("AWS::Lambda::Url")),
    ("functions_run_on_what_is_there_by_default", put("CollectResults", "Architectures", ["arm64"])),
    (
        "functions_run_on_what_is_there_by_default",
        lambda template: template.body["Parameters"]["Architecture"].update(Default="arm64"),
    ),
    (
        "what_depends_on_the_partition_knows_it",
        lambda template: template.body.update(
            Mappings={"Console": {"aws": {"Domain": "d"}}},
            Outputs={"Url": {"Value": {"Fn::FindInMap": ["Console", {"Ref": "AWS::Partition"}, "Domain"]}}},
        ),
    ),
]


@pytest.mark.parametrize(("rule", "plant"), [pytest.param(*flaw, id=f"{flaw[0]}-{n}") for n, flaw in enumerate(FLAWS)])
def test_a_planted_flaw_is_found_by_its_rule(rule: str, plant: Callable[[Template], Any]) -> None:
    template = load("template.yaml", "cn-north-1").copy()
    plant(template)
    assert [finding for finding in china.findings(template) if finding.startswith(f"{rule}: ")]


def test_every_rule_has_a_flaw_planted_for_it() -> None:
    assert {rule for rule, _ in FLAWS} == {rule.__name__ for rule in china.RULES}
