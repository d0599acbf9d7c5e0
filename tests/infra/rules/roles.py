"""Rules for roles: one trusted service of this account, single actions on single resources."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.infra.rules.shapes import DEPLOYER, ROLE
from tests.infra.templates import Template, as_list, target

ONE_IDENTITY = re.compile(r"arn:[a-z-]+:iam::\d{12}:(role|user)/[^*]+")
TRUSTED = ("lambda", "pipes", "sagemaker", "scheduler", "states")
# Actions that take no resource, or one whose id nobody knows before it exists.
WITHOUT_RESOURCE = {
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DescribeScalingActivities",
    "application-autoscaling:DescribeScalingPolicies",
    "application-autoscaling:DescribeScheduledActions",
    "cloudformation:GetTemplateSummary",
    "cloudformation:ValidateTemplate",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetMetricStatistics",
    "cloudwatch:GetMetricData",
    "cloudwatch:PutMetricData",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "ecr:GetAuthorizationToken",
    "kms:CreateKey",
    "kms:ListAliases",
    "lambda:CreateEventSourceMapping",
    "lambda:GetAccountSettings",
    "lambda:ListEventSourceMappings",
    "logs:DeleteQueryDefinition",
    "logs:DescribeIndexPolicies",
    "logs:DescribeLogGroups",
    "logs:DescribeQueryDefinitions",
    "logs:DescribeResourcePolicies",
    "logs:PutQueryDefinition",
    "sagemaker:ListApps",
    "sagemaker:ListAutoMLJobs",
    "sagemaker:ListCandidatesForAutoMLJob",
    "sagemaker:ListDomains",
    "sagemaker:ListSpaces",
    "sagemaker:ListUserProfiles",
    "sns:GetSubscriptionAttributes",
    "sns:SetSubscriptionAttributes",
    "sns:Unsubscribe",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}


def roles_grant_single_actions_on_single_resources(template: Template) -> Iterator[str]:
    for role, statement in template.role_statements():
        sid = statement.get("Sid", "")
        if statement.keys() & {"NotAction", "NotResource"}:
            yield f"{role}: {sid} grants what it does not name"
            continue
        actions = as_list(statement["Action"])
        if any("*" in action for action in actions):
            yield f"{role}: {sid} grants a wildcard action"
        for resource in as_list(statement["Resource"]):
            if resource == "*" and not WITHOUT_RESOURCE.issuperset(actions):
                yield f"{role}: {sid} grants {actions} on everything"


def every_statement_has_a_name_of_its_own(template: Template) -> Iterator[str]:
    seen: set[tuple[str, str]] = set()
    for role, statement in template.role_statements():
        sid = statement.get("Sid", "")
        if not sid or (role, sid) in seen:
            yield f"{role}: the Sid {sid!r} is missing or taken"
        seen.add((role, sid))


def roles_hold_nothing_but_their_own_policy(template: Template) -> Iterator[str]:
    for role in template.of_type(ROLE):
        for policy in template.properties(role).get("ManagedPolicyArns", []):
            if not target(policy):
                yield f"{role} holds {policy}, which somebody else writes"
    # SageMaker tries sns:Publish when it creates the endpoint. A policy separate from the role
    # might come too late.
    for key in template.of_type("AWS::IAM::Policy"):
        yield f"{key} stands apart from its role"


def roles_trust_one_service(template: Template) -> Iterator[str]:
    for role in template.of_type(ROLE):
        for trust in template.properties(role)["AssumeRolePolicyDocument"]["Statement"]:
            found = _identity_problems(trust) if template.name == DEPLOYER else _trust_problems(trust)
            yield from (f"{role} {problem}" for problem in found)


def _identity_problems(trust: dict[str, Any]) -> Iterator[str]:
    """Yield the problems of the trust in whoever deploys: one role or user, which a parameter names."""
    principal = trust["Principal"]
    identity = principal.get("AWS") if isinstance(principal, dict) else None
    if trust["Action"] != "sts:AssumeRole" or not ONE_IDENTITY.fullmatch(str(identity)):
        yield f"trusts {principal}"


def _trust_problems(trust: dict[str, Any]) -> Iterator[str]:
    principal = trust["Principal"]
    service = principal.get("Service") if isinstance(principal, dict) else None
    if trust["Action"] != "sts:AssumeRole" or service not in {f"{name}.amazonaws.com" for name in TRUSTED}:
        yield f"trusts {principal}"
    account = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    # Lambda assumes roles without naming a source.
    if service != "lambda.amazonaws.com" and trust.get("Condition") != account:
        yield "works for other accounts"


RULES = (
    roles_grant_single_actions_on_single_resources,
    every_statement_has_a_name_of_its_own,
    roles_hold_nothing_but_their_own_policy,
    roles_trust_one_service,
)
