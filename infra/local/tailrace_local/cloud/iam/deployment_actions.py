"""Actions that CloudFormation needs to create, update and delete resources, with their resources.

`deployment_actions.json` holds the actions by type and verb, from AWS's schemas of the types. A
test compares the file with them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

_TABLE = Path(__file__).with_name("deployment_actions.json")
# Actions that AWS evaluates against no resource, or against one whose id nobody knows yet.
_WITHOUT_RESOURCE = {
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DescribeScalingPolicies",
    "application-autoscaling:DescribeScheduledActions",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetMetricData",
    "kms:CreateKey",
    "kms:ListAliases",
    "lambda:CreateEventSourceMapping",
    "logs:DescribeIndexPolicies",
    "logs:DescribeLogGroups",
    "logs:DescribeQueryDefinitions",
    "logs:DescribeResourcePolicies",
    "logs:DeleteQueryDefinition",
    "logs:PutQueryDefinition",
    "sns:GetSubscriptionAttributes",
    "sns:SetSubscriptionAttributes",
    "sns:Unsubscribe",
}
# What follows the account in the ARN of a resource, by the resource's type.
_PATHS = {
    "AWS::ApplicationAutoScaling::ScalableTarget": "scalable-target/{id}",
    "AWS::ApplicationAutoScaling::ScalingPolicy": "scalable-target/{id}",
    "AWS::CloudFormation::Stack": "stack/{name}/0",
    "AWS::CloudWatch::Alarm": "alarm:{name}",
    "AWS::CloudWatch::Dashboard": "dashboard/{name}",
    "AWS::DynamoDB::Table": "table/{name}",
    "AWS::Events::Rule": "rule/{name}",
    "AWS::IAM::ManagedPolicy": "policy/{name}",
    "AWS::IAM::Role": "role/{name}",
    "AWS::IAM::RolePolicy": "role/{name}",
    "AWS::KMS::Key": "key/{id}",
    "AWS::Lambda::EventInvokeConfig": "function:{name}",
    "AWS::Lambda::EventSourceMapping": "event-source-mapping:{id}",
    "AWS::Lambda::Function": "function:{name}",
    "AWS::Logs::LogGroup": "log-group:{name}",
    "AWS::Logs::QueryDefinition": "{id}",
    "AWS::S3::Bucket": "{name}",
    "AWS::S3::BucketPolicy": "{name}",
    "AWS::SNS::Subscription": "{name}",
    "AWS::SNS::Topic": "{name}",
    "AWS::SNS::TopicPolicy": "{name}",
    "AWS::SQS::Queue": "{name}",
    "AWS::SQS::QueuePolicy": "{name}",
    "AWS::SageMaker::Domain": "domain/{id}",
    "AWS::SageMaker::Endpoint": "endpoint/{name}",
    "AWS::SageMaker::EndpointConfig": "endpoint-config/{name}",
    "AWS::SageMaker::UserProfile": "user-profile/{id}/{name}",
    "AWS::Scheduler::Schedule": "schedule/{group}/{name}",
    "AWS::Scheduler::ScheduleGroup": "schedule-group/{name}",
    "AWS::StepFunctions::StateMachine": "stateMachine:{name}",
}
# The property that names the resource which the actions of a type are about.
_NAMED_BY = {
    "AWS::IAM::RolePolicy": "RoleName",
    "AWS::Lambda::EventInvokeConfig": "FunctionName",
    "AWS::S3::BucketPolicy": "Bucket",
    "AWS::SNS::Subscription": "TopicArn",
    "AWS::SNS::TopicPolicy": "Topics",
    "AWS::SQS::QueuePolicy": "Queues",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
}
# CloudFormation names these after their logical id alone.
_NAMED_WITHOUT_STACK = (
    "AWS::SageMaker::Endpoint",
    "AWS::SageMaker::EndpointConfig",
    "AWS::StepFunctions::StateMachine",
)
_WITHOUT_REGION = ("iam", "s3")
_KEYS = ("KMSMasterKeyId", "KMSMasterKeyID", "KmsKeyArn", "KmsKeyId", "KmsMasterKeyId")
_ROLES = ("ExecutionRole", "ExecutionRoleArn", "Role", "RoleArn")
_TRACKING_ALARM = "TargetTracking-endpoint/Endpoint/variant/AllTraffic-AlarmHigh-0"
_SCALING_ROLE = "aws-service-role/sagemaker.application-autoscaling.amazonaws.com"
_STUDIO_ROLE = "aws-service-role/sagemaker.amazonaws.com"
_SERVICE_ROLES = {
    "AWS::ApplicationAutoScaling::ScalableTarget": (
        f"{_SCALING_ROLE}/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint",
        "sagemaker.application-autoscaling.amazonaws.com",
    ),
    "AWS::SageMaker::Domain": (f"{_STUDIO_ROLE}/AWSServiceRoleForAmazonSageMakerNotebooks", "sagemaker.amazonaws.com"),
}


@dataclass(frozen=True)
class NeededAction:
    """An action on a resource, with the condition keys that come with it."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Resource:
    """One resource of a stack.

    `physical_id` is None while it does not exist.
    """

    kind: str
    stack: str
    logical_id: str
    properties: Mapping[str, Any]
    physical_id: str | None = None

    @property
    def name(self) -> str:
        """The name of the resource that the type's actions are about.

        Before its creation, a name as CloudFormation makes it.
        """
        if found := _first(self.properties.get(_NAMED_BY.get(self.kind, ""))):
            return found
        if self.physical_id:
            return _last(self.physical_id)
        stem = self.logical_id if self.kind in _NAMED_WITHOUT_STACK else f"{self.stack}-{self.logical_id}"
        return f"{stem.lower() if self.kind == 'AWS::S3::Bucket' else stem}-1A2B3C4D5E6F"


class DeploymentActions:
    """The actions that CloudFormation needs in an account and a region."""

    def __init__(self, *, region: str, account_id: str) -> None:
        self._region = region
        self._account_id = account_id

    def needed(self, resource: Resource, verb: str) -> Iterator[NeededAction]:
        """Yield the actions for `create`, `update` or `delete`.

        Every action that AWS's schema lists is needed, apart from those for what the properties do
        not have: keys, and roles to pass. A type that is not in the table needs none.
        """
        kind = "Custom::Model" if resource.kind.startswith("Custom::") else resource.kind
        verbs = _table().get(kind, {})
        reads = () if verb == "delete" else verbs.get("read", ())
        for action in dict.fromkeys((*verbs.get(verb, ()), *reads)):
            yield from self._on(action, resource)

    def _on(self, action: str, resource: Resource) -> Iterator[NeededAction]:
        service = action.partition(":")[0]
        if service == "kms" and resource.kind != "AWS::KMS::Key":
            via = f"{_service(resource.kind)}.{self._region}.amazonaws.com"
            for key in _found(resource.properties, _KEYS):
                context = {"kms:viaservice": via, "kms:grantisforawsresource": "true"}
                yield NeededAction(action, self._key(key), context)
        elif action == "iam:PassRole":
            for role in _found(resource.properties, _ROLES):
                yield NeededAction(action, role, {"iam:passedtoservice": f"{_service(resource.kind)}.amazonaws.com"})
        elif action == "iam:DeleteRolePermissionsBoundary" and resource.properties.get("PermissionsBoundary"):
            return  # the role keeps its boundary
        elif action == "iam:CreateServiceLinkedRole":
            role, name = _SERVICE_ROLES[resource.kind]
            yield NeededAction(action, f"arn:aws:iam::{self._account_id}:role/{role}", {"iam:awsservicename": name})
        elif action in ("s3:GetObject", "s3:GetObjectVersion"):
            if artifact := _artifact(resource.properties):
                yield NeededAction(action, f"arn:aws:s3:::{artifact}")
        else:
            yield NeededAction(action, self._arn(action, resource), self._context(action, resource))

    def _context(self, action: str, resource: Resource) -> Mapping[str, str]:
        if resource.kind == "AWS::IAM::Role" and (boundary := resource.properties.get("PermissionsBoundary")):
            return {"iam:permissionsboundary": str(boundary)}
        if "EventSourceMapping" not in action or action == "lambda:GetEventSourceMapping":
            return {}
        name = _last(str(resource.properties.get("FunctionName", "")))
        return {"lambda:functionarn": f"arn:aws:lambda:{self._region}:{self._account_id}:function:{name}"}

    def _arn(self, action: str, resource: Resource) -> str:
        if action in _WITHOUT_RESOURCE:
            return "*"
        if action.startswith("cloudwatch:") and resource.kind.startswith("AWS::ApplicationAutoScaling::"):
            return self._of("cloudwatch", f"alarm:{_TRACKING_ALARM}")
        if action == "lambda:GetCodeSigningConfig":
            return str(resource.properties.get("CodeSigningConfigArn") or self._of("lambda", "code-signing-config:0"))
        if resource.kind.startswith("Custom::"):
            return str(resource.properties["ServiceToken"])
        path = _PATHS[resource.kind].format(
            name=resource.name, id=_last(resource.physical_id or "0"), group=resource.properties.get("GroupName", "")
        )
        return self._of(_service(resource.kind, for_arn=True), path)

    def _of(self, service: str, path: str) -> str:
        if service == "s3":
            return f"arn:aws:s3:::{path}"
        region = "" if service in _WITHOUT_REGION or path.startswith("dashboard/") else self._region
        return f"arn:aws:{service}:{region}:{self._account_id}:{path}"

    def _key(self, key: str) -> str:
        return key if key.startswith("arn:") else self._of("kms", f"key/{key}")


@cache
def _table() -> Mapping[str, Mapping[str, list[str]]]:
    found: Mapping[str, Mapping[str, list[str]]] = json.loads(_TABLE.read_text())
    return found


def _artifact(properties: Mapping[str, Any]) -> str | None:
    """Return bucket and key of a function's code, or of a state machine's definition."""
    code, definition = properties.get("Code") or {}, properties.get("DefinitionS3Location") or {}
    if code.get("S3Bucket"):
        return f"{code['S3Bucket']}/{code.get('S3Key', '')}"
    return f"{definition['Bucket']}/{definition.get('Key', '')}" if definition.get("Bucket") else None


def _service(kind: str, *, for_arn: bool = False) -> str:
    service = kind.split("::")[1].lower()
    if service == "stepfunctions":
        return "states"
    return "application-autoscaling" if service == "applicationautoscaling" and for_arn else service


def _first(value: Any) -> str | None:
    """Return the name in a property: the first of a list, and the last part of an ARN or a URL."""
    value = value[0] if isinstance(value, list) and value else value
    return _last(str(value)) if value else None


def _last(text: str) -> str:
    """Return the resource's own part of an ARN or a URL; any other text as it is."""
    if text.startswith("arn:"):
        path = text.split(":", 5)[5]
        # A stack's and a subscription's ARN end with an id.
        return path.split("/")[1] if path.startswith("stack/") else path.rpartition("/")[2].rpartition(":")[2]
    return text.rpartition("/")[2] if text.startswith("http") else text


def _found(value: Any, names: tuple[str, ...]) -> Iterator[str]:
    """Yield the texts of some properties, however deep, each once."""
    yield from dict.fromkeys(_walk(value, names))


def _walk(value: Any, names: tuple[str, ...]) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            if name in names and isinstance(each, str) and each:
                yield each
            else:
                yield from _walk(each, names)
    elif isinstance(value, list):
        for each in value:
            yield from _walk(each, names)
