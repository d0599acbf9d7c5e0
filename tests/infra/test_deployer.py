"""infra/deployer.yaml grants what CloudFormation and the SAM CLI need for the templates, and no more."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from tailrace_local.cloud.iam import deployment_actions
from tailrace_local.cloud.iam.deployment_actions import DeploymentActions, NeededAction, Resource
from tests.infra.access.places import IRELAND
from tests.infra.access.policies import Request, Statement, as_list, decide
from tests.infra.access.world import World
from tests.infra.deployer.needed import DEPLOYER, NOT_USED, VERBS, actions, listed, needed, reason_not_used, types
from tests.infra.scenarios import DEPLOYING, HARDENED, NESTED
from tests.infra.templates import source

POLICY_LIMIT = 6144  # characters of a managed policy, blanks not counted
# Actions that no resource type needs, and who needs them.
OTHERS = {
    "cloudformation:ContinueUpdateRollback": "the way out of UPDATE_ROLLBACK_FAILED",
    "cloudformation:CreateChangeSet": "sam deploy",
    "cloudformation:DeleteChangeSet": "the way out of REVIEW_IN_PROGRESS",
    "cloudformation:DescribeChangeSet": "sam deploy",
    "cloudformation:DescribeStackEvents": "sam deploy, and docs/deploy.md after a failure",
    "cloudformation:DescribeStackResource": "sam delete",
    "cloudformation:ExecuteChangeSet": "sam deploy",
    "cloudformation:GetTemplateSummary": "sam deploy --guided, sam delete",
    "cloudformation:ListChangeSets": "sam delete",
    "cloudformation:ListStackResources": "people, to find a resource's name",
    "cloudformation:RollbackStack": "sam deploy --on-failure",
    "cloudformation:ValidateTemplate": "sam validate",
    "s3:GetBucketLocation": "sam deploy, for the bucket of artifacts",
    "s3:PutObject": "sam deploy, for the artifacts",
    "sagemaker:UpdateEndpointWeightsAndCapacities": "Application Auto Scaling, when a target is registered",
}


def deployer() -> Sequence[Statement]:
    """Return the statements of all policies, for stacks with everything."""
    world = World.of(DEPLOYING)
    return [statement for name in world.body.of_type("AWS::IAM::ManagedPolicy") for statement in world.policies[name]]


STATEMENTS = deployer()
# With and without each option.
GRANTED = {action for _, statement in source(DEPLOYER).role_statements() for action in as_list(statement["Action"])}


@pytest.mark.parametrize("kind", sorted(types()))
@pytest.mark.parametrize("verb", VERBS)
def test_a_type_in_the_templates_has_its_actions(kind: str, verb: str) -> None:
    assert set(needed(kind, verb)) <= GRANTED


@pytest.mark.parametrize("kind", sorted(types()))
def test_a_type_in_the_templates_needs_actions_to_be_made_and_removed(kind: str) -> None:
    assert needed(kind, "create")
    assert needed(kind, "delete")


@pytest.mark.parametrize("kind", ["AWS::EC2::VPC", "AWS::Events::Archive", "AWS::ECS::Cluster"])
def test_a_type_that_the_templates_do_not_have_lacks_its_actions(kind: str) -> None:
    assert not set(needed(kind, "create")) <= GRANTED


def test_a_type_that_aws_does_not_describe_is_an_error() -> None:
    with pytest.raises(KeyError):
        needed("AWS::Nobody::Knows", "create")


def test_nothing_is_granted_that_nobody_needs() -> None:
    needs = {action for kind in types() for verb in VERBS for action in needed(kind, verb)}
    assert needs & OTHERS.keys() == set()
    assert needs | OTHERS.keys() == GRANTED


def test_each_reason_why_an_action_is_not_needed_is_needed_itself() -> None:
    used = {reason_not_used(kind, verb, each) for kind in types() for verb in VERBS for each in listed(kind, verb)}
    assert NOT_USED.keys() == used - {None}


def test_the_local_cloud_asks_for_the_same_actions() -> None:
    table = Path(deployment_actions.__file__).with_name("deployment_actions.json")
    assert json.loads(table.read_text()) == actions()


def test_a_policy_fits_into_what_iam_takes() -> None:
    policies = source(DEPLOYER).of_type("AWS::IAM::ManagedPolicy")
    for name, policy in policies.items():
        # With ARNs filled in: those of a long partition and region, and of the longest stack name.
        text = json.dumps(policy["Properties"]["PolicyDocument"], separators=(",", ":"))
        filled = text.replace("${AWS::Region}", "ap-southeast-3").replace("${AWS::AccountId}", "1" * 12)
        assert len(filled.replace("${StackName}", "x" * 20).replace('{"Fn::Sub":', "")) < POLICY_LIMIT, name


def resources(world: World) -> Iterator[tuple[str, Resource]]:
    """Yield every resource of a deployment with everything, before and after it is made."""
    body = world.body.body["Resources"]
    for logical_id, resource in body.items():
        made = Resource(resource["Type"], world.name, logical_id, resource.get("Properties", {}))
        yield "create", made
        existing = Resource(made.kind, made.stack, logical_id, made.properties, made.name)
        yield "update", existing
        yield "delete", existing
    for nested in world.body.of_type(NESTED):
        yield from resources(world.nested(nested))


def needs(stack: str) -> list[NeededAction]:
    """Return everything that CloudFormation needs for a deployment under a name."""
    world = World(HARDENED.template(HARDENED.root), HARDENED.parameters, name=stack, load=HARDENED.template)
    asked = DeploymentActions(region=IRELAND.region, account_id=IRELAND.account)
    return list({json.dumps(vars(each), sort_keys=True): each for verb, resource in resources(world)
                 for each in asked.needed(resource, verb)}.values())  # fmt: skip


def allowed(each: NeededAction) -> bool:
    request = Request(IRELAND.identity("role/deployer"), each.action, each.resource, _context(each))
    return decide(STATEMENTS, (), request)


def _context(each: NeededAction) -> dict[str, Any]:
    # A policy of a role is put on a role that is bounded already.
    bounded = {"iam:permissionsboundary": DEPLOYING.parameters["PermissionsBoundaryArn"]}
    return {**(bounded if each.action.startswith("iam:") else {}), **each.context}


def test_whatever_cloudformation_needs_for_the_whole_stack_is_granted() -> None:
    everything = needs("tailrace")
    assert {each.action for each in everything} >= {"iam:CreateServiceLinkedRole", "kms:CreateGrant", "iam:PassRole"}
    assert [each for each in everything if not allowed(each)] == []


# What is named by an id, or by the logical id alone, looks the same in every stack, and artifacts are
# everybody's.
NAMELESS = (
    "application-autoscaling:*", "cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "kms:*", "sagemaker:*",
    "iam:CreateServiceLinkedRole", "lambda:*EventSourceMapping", "lambda:ListTags", "lambda:TagResource",
    "lambda:UntagResource", "lambda:GetCodeSigningConfig", "logs:Describe*", "logs:*QueryDefinition",
    "sns:*SubscriptionAttributes", "sns:Unsubscribe",
    "cloudwatch:*", "s3:GetObject*", "states:*",
)  # fmt: skip


def test_another_stack_is_out_of_reach_wherever_a_name_tells_them_apart() -> None:
    reached = {each.action for each in needs("payroll") if allowed(each)}
    assert [action for action in sorted(reached) if not any(fnmatchcase(action, each) for each in NAMELESS)] == []


@pytest.mark.parametrize("service", ["ec2", "lambda", "sagemaker", "scheduler", "states"])
def test_roles_are_passed_to_four_services_only(service: str) -> None:
    context = {"iam:passedtoservice": f"{service}.amazonaws.com"}
    passing = NeededAction("iam:PassRole", IRELAND.identity("role/tailrace-Role-1"), context)
    assert allowed(passing) == (service != "ec2")


def test_a_role_without_the_boundary_is_refused() -> None:
    request = Request(IRELAND.identity("role/deployer"), "iam:CreateRole", IRELAND.identity("role/tailrace-Role-1"))
    assert not decide(STATEMENTS, (), request)
