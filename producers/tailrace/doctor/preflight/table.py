"""The checks before a deployment, in the order of the report."""

from __future__ import annotations

from tailrace.doctor.checks import Check
from tailrace.doctor.clock import clock
from tailrace.doctor.findings import Finding
from tailrace.doctor.preflight import deployer, leftovers, model, quotas
from tailrace.doctor.preflight.plan import Plan
from tailrace_core.aws.calls import Steps

_CALLER = "sts:GetCallerIdentity"
_SIMULATION = (_CALLER, "iam:GetRole", "iam:SimulatePrincipalPolicy")
_STACK = "cloudformation:DescribeStacks"


def _clock(plan: Plan) -> Steps[list[Finding]]:
    """Compare the time of an answer with this machine's."""
    return clock(plan.now)


CHECKS: tuple[Check[Plan], ...] = (
    Check("identity", (_CALLER,), deployer.identity),
    Check("clock", (_CALLER,), _clock),
    Check("stack", (_STACK,), leftovers.state),
    Check(
        "leftovers",
        (_STACK, "s3:ListAllMyBuckets", "dynamodb:ListTables", "kms:ListKeys", "kms:DescribeKey"),
        leftovers.orphans,
    ),
    Check("actions", _SIMULATION, deployer.actions),
    Check("scaling-role", (*_SIMULATION, "iam:ListRoles"), deployer.scaling_role),
    Check(
        "instance-quota",
        ("servicequotas:ListServiceQuotas", "servicequotas:ListAWSDefaultServiceQuotas"),
        quotas.instances,
    ),
    Check("concurrency", ("lambda:GetAccountSettings",), quotas.concurrency),
    Check("image", ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"), model.image),
    Check("model-data", ("s3:GetObject", "s3:ListBucket"), model.data),
)
