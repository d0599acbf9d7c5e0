"""The deployer: the identity, the actions of a deployment, and the role of scaling."""

from __future__ import annotations

from tailrace.doctor.findings import Finding, cannot_tell, fail, ok, warn
from tailrace.doctor.preflight.plan import Plan
from tailrace.doctor.principal import Denied, Principal, caller, denied, policy_source
from tailrace_core.aws.calls import Call, Steps

_SCALING = "sagemaker.application-autoscaling.amazonaws.com"
_SCALING_ROLE = "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
ACTIONS = {
    "arn:{partition}:cloudformation:{region}:{account}:stack/{stack}/1": (
        "cloudformation:CreateChangeSet",
        "cloudformation:DescribeChangeSet",
        "cloudformation:DescribeStackEvents",
        "cloudformation:DescribeStacks",
        "cloudformation:ExecuteChangeSet",
    ),
    "arn:{partition}:s3:::{lower}-bucket-1": (
        "s3:CreateBucket",
        "s3:PutBucketPolicy",
        "s3:PutBucketVersioning",
        "s3:PutEncryptionConfiguration",
        "s3:PutLifecycleConfiguration",
    ),
    "arn:{partition}:dynamodb:{region}:{account}:table/{stack}-LedgerTable-1": (
        "dynamodb:CreateTable",
        "dynamodb:UpdateContinuousBackups",
        "dynamodb:UpdateTimeToLive",
    ),
    "arn:{partition}:iam::{account}:role/{stack}-CollectResultsRole-1": (
        "iam:CreateRole",
        "iam:GetRole",
        "iam:PutRolePolicy",
    ),
    "arn:{partition}:iam::{account}:policy/{stack}-ProducerPolicy-1": ("iam:CreatePolicy",),
    "arn:{partition}:lambda:{region}:{account}:function:{stack}-CollectResults-1": (
        "lambda:CreateFunction",
        "lambda:InvokeFunction",
    ),
    "arn:{partition}:logs:{region}:{account}:log-group:{stack}-CollectResultsLogGroup-1": (
        "logs:CreateLogGroup",
        "logs:PutRetentionPolicy",
    ),
    "arn:{partition}:sagemaker:{region}:{account}:endpoint-config/endpointconfig-1": (
        "sagemaker:CreateEndpointConfig",
    ),
    "arn:{partition}:sagemaker:{region}:{account}:endpoint/endpoint-1": ("sagemaker:CreateEndpoint",),
    "arn:{partition}:scheduler:{region}:{account}:schedule-group/{stack}-ReconcileJobsScheduleGroup-1": (
        "scheduler:CreateScheduleGroup",
    ),
    "arn:{partition}:sns:{region}:{account}:{stack}-SucceededTopic-1": ("sns:CreateTopic", "sns:Subscribe"),
    "arn:{partition}:sqs:{region}:{account}:{stack}-SucceededQueue-1": ("sqs:CreateQueue", "sqs:SetQueueAttributes"),
    "arn:{partition}:cloudwatch:{region}:{account}:alarm:{stack}-Watch-1-ParkedChunks-1": (
        "cloudwatch:PutMetricAlarm",
    ),
}
"""Actions that every deployment needs, by a resource with a name as CloudFormation makes it."""
SCALING_ACTIONS = {
    "arn:{partition}:application-autoscaling:{region}:{account}:scalable-target/1": (
        "application-autoscaling:RegisterScalableTarget",
        "application-autoscaling:PutScalingPolicy",
    )
}
KEY_ACTIONS = {"arn:{partition}:kms:{region}:{account}:key/1": ("kms:PutKeyPolicy", "kms:EnableKeyRotation")}
_SHOWN = 12
_SIMULATED = frozenset({"user", "role", "assumed-role"})


def identity(plan: Plan) -> Steps[list[Finding]]:
    """Show the identity, the partition and the region; the root of the account is a warning."""
    who = yield from caller()
    seen = f"{who.arn}, partition {who.partition}, region {plan.region}"
    if who.kind == "root":
        return [warn(seen, advice="use a role or a user: nothing limits the root of an account")]
    return [ok(seen)]


def actions(plan: Plan) -> Steps[list[Finding]]:
    """Simulate the actions of a deployment for the deployer: `--deployer`, or the caller."""
    who = yield from _deployer(plan)
    if who.kind == "root":
        return [ok("the account's root may do everything")]
    if who.kind not in _SIMULATED:
        return [cannot_tell(f"IAM does not simulate a {who.kind}", advice="name the role that deploys: --deployer ARN")]
    source = yield from policy_source(who)
    wanted = ACTIONS | (SCALING_ACTIONS if plan.max_instance_count else {})
    wanted |= KEY_ACTIONS if plan.customer_managed_key else {}
    names = {
        "partition": who.partition,
        "region": plan.region,
        "account": who.account,
        "stack": plan.stack,
        "lower": plan.stack.lower(),
    }
    missing: list[Denied] = []
    for resource, needs in wanted.items():
        missing += yield from denied(source, needs, resource.format_map(names))
    if missing:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        seen = f"{who.name} may not {', '.join(each.action for each in missing[:_SHOWN])}{more}"
        return [
            fail(
                seen,
                command=_deployer_template(plan, who.arn),
                advice="from a checkout, as an administrator; then deploy with its output DeployerRole",
                details=[str(each) for each in missing[:_SHOWN]],
            )
        ]
    return [ok(f"{who.name} may do the {sum(map(len, wanted.values()))} actions that were simulated")]


def _deployer(plan: Plan) -> Steps[Principal]:
    """Return the identity that will deploy."""
    if plan.deployer:
        return Principal(plan.deployer, plan.deployer.split(":")[4])
    return (yield from caller())


def _deployer_template(plan: Plan, trusted: str) -> str:
    key = ("ManagesKey=true",) if plan.customer_managed_key else ()
    return plan.commands.aws(
        "cloudformation",
        "deploy",
        "--stack-name",
        f"{plan.stack}-deployer",
        "--template-file",
        "infra/deployer.yaml",
        "--capabilities",
        "CAPABILITY_IAM",
        "--parameter-overrides",
        f"TrustedPrincipalArn={trusted}",
        f"StackName={plan.stack}",
        *key,
    )


def scaling_role(plan: Plan) -> Steps[list[Finding]]:
    """Require the service-linked role of scaling, or the permission to make it."""
    if not plan.max_instance_count:
        return [ok("the endpoint will not scale (--max-instance-count is 0)")]
    # By its path: names of service-linked roles are the service's to choose.
    answer = yield Call("iam", "list_roles", {"PathPrefix": f"/aws-service-role/{_SCALING}"})
    if answer["Roles"]:
        return [ok(f"{answer['Roles'][0]['RoleName']} is there")]
    command = plan.commands.aws("iam", "create-service-linked-role", "--aws-service-name", _SCALING)
    who = yield from _deployer(plan)
    seen = f"the account has no role {_SCALING_ROLE} yet"
    if who.kind == "root":
        return [ok(f"{seen}; the deployment makes it")]
    resource = f"arn:{who.partition}:iam::{who.account}:role/aws-service-role/{_SCALING}/{_SCALING_ROLE}"
    lacking = yield from denied((yield from policy_source(who)), ["iam:CreateServiceLinkedRole"], resource)
    if lacking:
        return [fail(f"{seen}, and {who.name} may not make it", command=command, advice="somebody else runs it once")]
    return [ok(f"{seen}; the deployment makes it", command=command)]
