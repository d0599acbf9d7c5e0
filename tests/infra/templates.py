"""The templates as plain data, as they are written and as CloudFormation gets them: after SAM's translation."""

from __future__ import annotations

import copy
import json
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from cfnlint.decode import decode  # type: ignore[import-untyped]  # ships no types

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = ("CollectResults", "HandleFailures", "DispatchRetries", "ReconcileJobs")
# Nobody watches this one: CloudFormation calls it, waits for it, and says what came of it.
MAKERS = ("ProvideModel",)

# The translator lives in the local cloud's environment, beside a botocore that the project's own cannot have.
_TRANSLATE = """
import json, sys
from samtranslator.translator.transform import transform
class NoManagedPolicies:
    def load(self): return {}
json.dump(transform(*json.load(sys.stdin), NoManagedPolicies()), sys.stdout)
"""


@dataclass(frozen=True)
class Template:
    """A template's body and the questions that the rules ask of it."""

    name: str
    body: dict[str, Any]

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """The resources of one type, by logical id."""
        return {key: resource for key, resource in self.body["Resources"].items() if resource["Type"] == kind}

    def properties(self, logical_id: str) -> dict[str, Any]:
        """The properties of one resource; empty when it has none."""
        properties: dict[str, Any] = self.body["Resources"][logical_id].get("Properties", {})
        return properties

    def policy_statements(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each statement of each resource policy of a type, both arms of an If included, with its logical id."""
        for key, policy in self.of_type(kind).items():
            for statement in statements(policy["Properties"]["PolicyDocument"]):
                yield key, statement

    def role_statements(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each statement of each role's own policies, of those that join a role, and of managed ones, with its id."""
        for key, role in self.of_type("AWS::IAM::Role").items():
            for policy in role["Properties"]["Policies"]:
                for statement in statements(policy["PolicyDocument"]):
                    yield key, statement
        for kind in ("AWS::IAM::RolePolicy", "AWS::IAM::ManagedPolicy"):
            yield from self.policy_statements(kind)

    def copy(self) -> Template:
        """A template to plant flaws in."""
        return Template(self.name, copy.deepcopy(self.body))


def statements(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The statements of a policy, those that depend on a condition included."""
    found: list[dict[str, Any]] = []
    for entry in document["Statement"]:
        arms = entry["Fn::If"][1:] if "Fn::If" in entry else [entry]
        found += [arm for arm in arms if "Effect" in arm]
    return found


def as_list(value: Any) -> list[Any]:
    """IAM takes one or several: always several here."""
    return value if isinstance(value, list) else [value]


def target(reference: Any) -> str:
    """The logical id that a Ref or GetAtt names; empty for anything else."""
    if not isinstance(reference, dict):
        return ""
    attribute = reference.get("Fn::GetAtt")
    name: str = attribute[0] if attribute else reference.get("Ref", "")
    return name


@cache
def source(path: str) -> Template:
    """A template as it is written.

    Raises:
        ValueError: the file is no template.
    """
    body, problems = decode(str(ROOT / path))
    if body is None:
        raise ValueError(f"{path}: {problems}")
    # Through JSON, to leave the parser's own dict and str types behind.
    return Template(path, json.loads(json.dumps(body)))


def paths() -> list[str]:
    """Every template there is, the root first."""
    return ["template.yaml", *(f"infra/{path.name}" for path in sorted((ROOT / "infra").glob("*.yaml")))]


@cache
def as_deployed(path: str, region: str = "eu-west-1", tracing: str = "Disabled") -> Template:
    """A template as CloudFormation gets it in a region; the one parameter that SAM looks at is whether to trace."""
    template = source(path)
    if "Transform" not in template.body:
        return template
    template = template.copy()
    template.body["Globals"]["Function"]["CodeUri"] = "s3://bucket/key"  # where packaging puts it
    return Template(path, translated(template.body, region, {"Tracing": tracing}))


def root(region: str = "eu-west-1") -> Template:
    """template.yaml as CloudFormation gets it in a region."""
    return as_deployed("template.yaml", region)


def translated(
    body: dict[str, Any], region: str, parameters: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """Return SAM's translation of a template for a region."""
    done = subprocess.run(
        [ROOT / ".tools/cloud/bin/python", "-c", _TRANSLATE],
        input=json.dumps([body, dict(parameters)]),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
        env={"AWS_DEFAULT_REGION": region},
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def endpoint() -> Template:
    """infra/endpoint.yaml, which has nothing to translate."""
    return source("infra/endpoint.yaml")


def monitoring() -> Template:
    """infra/monitoring.yaml, which has nothing to translate either."""
    return source("infra/monitoring.yaml")


@cache
def studio() -> Template:
    """infra/studio.yaml, nor has this one."""
    return source("infra/studio.yaml")
