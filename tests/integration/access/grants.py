"""The deployed stack's grants, read from IAM: one for each action and resource of a statement."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tailrace_local.cloud.iam.access_log import Decision
from tailrace_local.testing import RunningCloud
from tests.infra.access.policies import Request, as_list, matches

ROLE, MANAGED, NESTED = "AWS::IAM::Role", "AWS::IAM::ManagedPolicy", "AWS::CloudFormation::Stack"


@dataclass(frozen=True)
class Holder:
    """A role or a managed policy of the stack, by its logical id in its template."""

    name: str
    arn: str
    kind: str
    policies: Mapping[str, Mapping[str, Any]] = field(hash=False, compare=False)
    """Documents by policy name: a role may have several, a managed policy has one."""

    @property
    def document(self) -> Mapping[str, Any]:
        """The holder's policies, merged."""
        statements = [each for document in self.policies.values() for each in document["Statement"]]
        return {"Version": "2012-10-17", "Statement": statements}

    def grants(self) -> Iterator[Grant]:
        """Yield each grant of the holder."""
        for statement in self.document["Statement"]:
            for action in as_list(statement["Action"]):
                for resource in as_list(statement["Resource"]):
                    yield Grant(self.name, statement["Sid"], action, resource, statement.get("Condition", {}))


def policy_without(document: Mapping[str, Any], grant: Grant) -> dict[str, Any]:
    """Return the policy without one action on one resource."""
    kept: list[dict[str, Any]] = []
    for statement in document["Statement"]:
        actions, resources = as_list(statement["Action"]), as_list(statement["Resource"])
        if statement["Sid"] != grant.sid:
            kept.append(dict(statement))
            continue
        others = [each for each in actions if each != grant.action]
        elsewhere = [each for each in resources if each != grant.resource]
        kept += [{**statement, "Action": others}] if others else []
        rest = {**statement, "Sid": f"{grant.sid}Elsewhere", "Action": [grant.action], "Resource": elsewhere}
        kept += [rest] if elsewhere else []
    return {**document, "Statement": kept}


@dataclass(frozen=True)
class Grant:
    """One action on one resource."""

    holder: str
    sid: str
    action: str
    resource: str
    condition: Mapping[str, Any] = field(hash=False)

    def __str__(self) -> str:
        return f"{self.holder}: {self.sid}: {self.action} on {self.resource}"

    def allows(self, request: Request) -> bool:
        """Return whether this grant alone would allow the request."""
        statement = {"Action": self.action, "Resource": self.resource, "Condition": self.condition}
        return matches(statement, request)


def holders(cloud: RunningCloud) -> dict[str, Holder]:
    """Return every role and managed policy of the stack and its nested stacks."""
    found = [_read(cloud, *each) for each in _resources(cloud, cloud.facts.stack, "")]
    return {holder.name: holder for holder in found}


def _resources(cloud: RunningCloud, stack: str, prefix: str) -> Iterator[tuple[str, str, str]]:
    answer = cloud.client("cloudformation").list_stack_resources(StackName=stack)
    for resource in answer["StackResourceSummaries"]:
        kind, name, physical = (resource[key] for key in ("ResourceType", "LogicalResourceId", "PhysicalResourceId"))
        if kind == NESTED:
            yield from _resources(cloud, physical, f"{prefix}{name}")
        elif kind in (ROLE, MANAGED):
            yield f"{prefix}{name}", kind, physical


def _read(cloud: RunningCloud, name: str, kind: str, physical: str) -> Holder:
    iam = cloud.client("iam")
    if kind == MANAGED:
        version = iam.get_policy(PolicyArn=physical)["Policy"]["DefaultVersionId"]
        document = iam.get_policy_version(PolicyArn=physical, VersionId=version)["PolicyVersion"]["Document"]
        return Holder(name, physical, kind, {name: _parsed(document)})
    policies = {
        policy: _parsed(iam.get_role_policy(RoleName=physical, PolicyName=policy)["PolicyDocument"])
        for policy in iam.list_role_policies(RoleName=physical)["PolicyNames"]
    }
    return Holder(name, iam.get_role(RoleName=physical)["Role"]["Arn"], kind, policies)


def _parsed(document: Any) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(document) if isinstance(document, str) else document
    return found


def resource_name(resource: str) -> str:
    """Return a resource's name without the parts that differ between deployments."""
    last = resource.rsplit(":", 1)[-1]
    if "/v1/" in last:
        return last[last.index("/v1/") + 4 :]
    if states := re.search(":(execution|mapRun|stateMachine):", resource):
        return states[1]
    if resource.startswith("arn:aws:s3:::") and last.endswith("/*"):
        return last.partition("/")[2]
    # Resources named by ids.
    if (kind := last.partition("/")[0]) in {"key", "model", "transform-job"}:
        return kind
    parts = last.split("/")[-1].split("-")
    return parts[-2] if len(parts) > 1 else parts[0]


def is_optional(decision: Decision) -> bool:
    """Return whether a request may be refused: a summary looks at the inputs of scored rows if it may."""
    return decision.action == "s3:GetObject" and "/input/" in decision.resource and ":user/" in decision.principal
