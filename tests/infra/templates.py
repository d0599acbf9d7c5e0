"""The templates as plain data: as written, and translated by SAM as CloudFormation gets them."""

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
ENGINES = ("ScoreChunks", "RunTransforms")
"""Functions that exist with other engines than asynchronous endpoints, each in a nested stack."""
FILES = (
    "ListStripes", "CountStripe", "SumStripes", "CutStripe", "SealCutting", "FailCutting",
    "StartJobs", "DeliverResults",
)  # fmt: skip
"""Functions that cut sources in S3 and deliver files, in the folder ``files`` and in nested stacks."""
# Has no alarms: CloudFormation calls it, waits for it, and reports its result.
MAKERS = ("ProvideModel",)
TRAINING = "infra/training.yaml"
"""The stack for training, whose bucket is not that of a pipeline."""

# The translator is in the local cloud's environment, because it needs another botocore than .venv
# has.
_TRANSLATE = """
import json, sys
from samtranslator.translator.transform import transform
class NoManagedPolicies:
    def load(self): return {}
json.dump(transform(*json.load(sys.stdin), NoManagedPolicies()), sys.stdout)
"""


@dataclass(frozen=True)
class Template:
    """A template's body, with the queries that rules use."""

    name: str
    body: dict[str, Any]

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the resources of one type, by logical id."""
        return {key: resource for key, resource in self.body["Resources"].items() if resource["Type"] == kind}

    def properties(self, logical_id: str) -> dict[str, Any]:
        """Return the properties of one resource; empty if it has none."""
        properties: dict[str, Any] = self.body["Resources"][logical_id].get("Properties", {})
        return properties

    def policy_statements(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield each statement of the resource policies of a type, with the logical id.

        Both arms of an If are included.
        """
        for key, policy in self.of_type(kind).items():
            for statement in statements(policy["Properties"]["PolicyDocument"]):
                yield key, statement

    def role_statements(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield each statement of inline, separate and managed policies, with the logical id."""
        for key, role in self.of_type("AWS::IAM::Role").items():
            for policy in role["Properties"].get("Policies", ()):
                for statement in statements(policy["PolicyDocument"]):
                    yield key, statement
        for kind in ("AWS::IAM::RolePolicy", "AWS::IAM::ManagedPolicy"):
            yield from self.policy_statements(kind)

    def copy(self) -> Template:
        """Return a deep copy, to plant flaws in."""
        return Template(self.name, copy.deepcopy(self.body))


def statements(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the statements of a policy, including conditional ones."""
    found: list[dict[str, Any]] = []
    for entry in document["Statement"]:
        arms = entry["Fn::If"][1:] if "Fn::If" in entry else [entry]
        found += [arm for arm in arms if "Effect" in arm]
    return found


def as_list(value: Any) -> list[Any]:
    """Return a list: IAM accepts one value or several."""
    return value if isinstance(value, list) else [value]


def target(reference: Any) -> str:
    """Return the logical id of a Ref or GetAtt; empty for anything else."""
    if not isinstance(reference, dict):
        return ""
    attribute = reference.get("Fn::GetAtt")
    name: str = attribute[0] if attribute else reference.get("Ref", "")
    return name


@cache
def source(path: str) -> Template:
    """Return a template as it is written, with its anchors resolved.

    Raises:
        ValueError: the file is no template.
    """
    body, problems = decode(str(ROOT / path))
    if body is None:
        raise ValueError(f"{path}: {problems}")
    # Through JSON, to get rid of the parser's own dict and str types and of shared objects.
    return Template(path, json.loads(json.dumps(body)))


def paths() -> list[str]:
    """Return the paths of all templates, the root first."""
    return ["template.yaml", *(f"infra/{path.name}" for path in sorted((ROOT / "infra").glob("*.yaml")))]


@cache
def as_deployed(path: str, region: str = "eu-west-1", tracing: str = "Disabled") -> Template:
    """Return a template as CloudFormation gets it in a region.

    SAM's translation depends on one parameter, Tracing.
    """
    template = source(path)
    if "Transform" not in template.body:
        return template
    template = template.copy()
    for function in template.of_type("AWS::Serverless::Function").values():
        function["Properties"]["CodeUri"] = "s3://bucket/key"  # where packaging puts it
    return Template(path, translated(template.body, region, {"Tracing": tracing}))


def root(region: str = "eu-west-1") -> Template:
    """Return template.yaml as CloudFormation gets it in a region."""
    return as_deployed("template.yaml", region)


def functions() -> dict[str, dict[str, Any]]:
    """Return every function of a stack and of those nested in it, as CloudFormation gets them."""
    found: dict[str, dict[str, Any]] = {}
    for path in paths():
        found |= as_deployed(path).of_type("AWS::Lambda::Function")
    return found


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
    """Return infra/endpoint.yaml, which needs no translation."""
    return source("infra/endpoint.yaml")


def monitoring() -> Template:
    """Return infra/monitoring.yaml, which needs no translation."""
    return source("infra/monitoring.yaml")


@cache
def studio() -> Template:
    """Return infra/studio.yaml, which needs no translation."""
    return source("infra/studio.yaml")
