"""Actions that CloudFormation needs for the resource types in the templates, from AWS's own schemas.

The schemas are those that cfn-lint ships. Each lists the actions that a type's handlers may call for
any property, so what no template uses is left out here, with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import cfnlint  # type: ignore[import-untyped]  # ships no types

from tests.infra.templates import as_deployed, paths

DEPLOYER = "infra/deployer.yaml"
# Deployed by the service that reads events, not with the stack.
FAN_OUT = "infra/fan-out.yaml"
VERBS = ("create", "update", "delete", "read")

# CloudFormation calls the functions of custom resources in the caller's name. Such a type has no
# schema.
CUSTOM = ("lambda:InvokeFunction",)

# By pattern of an action, or of a type and an action: why the deployer does not need it.
NOT_USED: Mapping[str, str] = {
    "firehose:*": "no log group delivers to Firehose",
    "identitystore:*": "Studio's domain has AuthMode IAM",
    "kinesis:*": "the ledger has no stream",
    "s3files:*": "no function mounts a file system",
    "AWS::Lambda::Function elasticfilesystem:*": "no function mounts a file system",
    "AWS::Lambda::Function ec2:*": "no function is in a VPC",
    "efs:*": "IAM knows no such actions; SageMaker makes and keeps the file system with its service-linked role",
    "sso:*": "Studio's domain has AuthMode IAM",
    "s3tables:*": "the bucket has no metadata tables",
    "s3:*BucketMetadata*TableConfiguration": "the bucket has no metadata tables",
    "s3:REST.PUT.OBJECT": "no such action; no log group delivers to S3",
    "s3:PutBucketAbac": "the bucket has no tags that decide access",
    "s3:PutBucketAcl": "the bucket has no ACL",
    "s3:PutObjectAcl": "the bucket has no ACL",
    "s3:GetObjectMetadata": "no such action; no table is imported",
    "s3:*AnalyticsConfiguration": "the bucket has no analytics",
    "s3:PutBucketCORS": "the bucket has no CORS",
    "s3:DeleteBucketCors": "the bucket has no CORS",
    "s3:PutInventoryConfiguration": "the bucket has no inventory",
    "s3:*MetricsConfiguration": "the bucket has no request metrics",
    "s3:*Replication*": "the bucket is not replicated",
    "s3:*BucketWebsite": "the bucket is no website",
    "s3:PutAccelerateConfiguration": "the bucket is not accelerated",
    "s3:*ObjectLockConfiguration": "the bucket has no object lock",
    "s3:PutIntelligentTieringConfiguration": "the bucket has no tiers",
    "s3:DeleteBucketEncryption": "the bucket is always encrypted",
    "s3:DeleteBucketLifecycle": "the bucket always has rules",
    "s3:DeleteObject": "stacks leave objects alone",
    "AWS::S3::Bucket iam:PassRole": "the bucket is not replicated",
    "AWS::DynamoDB::Table s3:*": "no table is imported",
    "AWS::DynamoDB::Table logs:*": "no table is imported",
    "AWS::DynamoDB::Table iam:CreateServiceLinkedRole": "the ledger has no replicas and no provisioned capacity",
    "dynamodb:*Replica": "the ledger has no replicas",
    "dynamodb:*ResourcePolicy": "the ledger has no policy of its own",
    "dynamodb:*KinesisStreamingDestination": "the ledger has no stream",
    "dynamodb:*Import*": "no table is imported",
    "dynamodb:*Item": "for replicas and imports only",
    "dynamodb:Query": "for replicas and imports only",
    "dynamodb:Scan": "for replicas and imports only",
    "AWS::ApplicationAutoScaling::ScalableTarget lambda:*": "the target is an endpoint",
    "AWS::ApplicationAutoScaling::ScalableTarget iam:PassRole": "SageMaker's targets have a service-linked role",
    "AWS::CloudFormation::Stack iam:PassRole": "nested stacks act for the same caller",
    "cloudformation:*StackPolicy": "stacks have no policy",
    "cloudformation:UpdateTerminationProtection": "nested stacks have no protection of their own",
    "iam:*GroupPolicy": "the policies are attached to nobody",
    "iam:*UserPolicy": "the policies are attached to nobody",
    "AWS::IAM::ManagedPolicy iam:*RolePolicy": "the policies are attached to nobody; Studio's role attaches its own",
    "lambda:AssociateRuntimeAlias": "functions take the runtime's newest version",
    "lambda:PutRuntimeManagementConfig": "functions take the runtime's newest version",
    "lambda:GetLayerVersion": "functions have no layers",
    "lambda:PassCapacityProvider": "functions have no capacity provider",
    "lambda:PutFunctionScalingConfig": "functions have no capacity provider",
    "lambda:PutFunctionRecursionConfig": "functions keep Lambda's loop detection",
    "lambda:PublishVersion": "functions have no versions",
    "AWS::Lambda::EventSourceMapping kms:*": "mappings have no filters to encrypt",
    "logs:CreateLogDelivery": "log groups deliver to nobody",
    "logs:PutDataProtectionPolicy": "log groups mask nothing",
    "logs:*IndexPolicy": "log groups have no index",
    "logs:*ResourcePolicy": "log groups have no policy of their own",
    "logs:PutBearerTokenAuthentication": "log groups take no bearer tokens",
    "logs:PutLogGroupDeletionProtection": "log groups are deleted with their stack",
    "sns:PutDataProtectionPolicy": "topics mask nothing",
    "AWS::SNS::Topic sns:Unsubscribe": "a topic's subscriptions are resources of their own",
    "AWS::SNS::Subscription iam:*": "no subscription delivers to Firehose",
    "AWS::SNS::Topic iam:*": "no topic logs deliveries",
    "AWS::StepFunctions::StateMachine s3:*": "the definition is in the template",
    "AWS::Events::Rule iam:PassRole": "the rule's target is a queue, which takes no role",
    "sagemaker:CreateApp": "the domain has no apps of its own",
    "sagemaker:DeleteApp": "the domain has no apps of its own",
    "AWS::SageMaker::EndpointConfig iam:PassRole": "the configuration has no role; ProvideModel passes the model's",
}  # fmt: skip


@cache
def schemas() -> Mapping[str, dict[str, Any]]:
    """AWS's schemas of resource types, by the type's name."""
    folder = Path(cfnlint.__file__).parent / "data/schemas/resources"
    found = (json.loads(path.read_text()) for path in sorted(folder.glob("*.json")))
    return {schema["typeName"]: schema for schema in found if "typeName" in schema}


@cache
def types() -> frozenset[str]:
    """The types in the templates of a stack, as CloudFormation gets them."""
    stacks = (as_deployed(path) for path in paths() if path not in {DEPLOYER, FAN_OUT})
    return frozenset(resource["Type"] for stack in stacks for resource in stack.body["Resources"].values())


def reason_not_used(kind: str, verb: str, action: str) -> str | None:
    """Return the pattern by which a type does not need an action; None when it needs it."""
    service = action.partition(":")[0]
    if verb == "read" and service == kind.split("::")[1].lower():
        return None  # reading a resource reads the properties that nobody set, too
    for pattern in NOT_USED:
        of_type, _, of_action = pattern.rpartition(" ")
        if fnmatchcase(action, of_action) and of_type in {"", kind}:
            return pattern
    return None


def listed(kind: str, verb: str) -> Iterator[str]:
    """Yield the actions that a type's schema lists for a verb, in IAM's spelling.

    Raises:
        KeyError: AWS has no schema of the type, or the schema does not say what creating takes.
    """
    if kind.startswith("Custom::"):
        yield from CUSTOM if verb != "read" else ()
        return
    handlers = schemas()[kind]["handlers"]
    found = handlers["create"] if verb == "create" else handlers.get(verb, {"permissions": ()})
    yield from (_SPELT.get(action, action) for action in found["permissions"])


# The schemas' spelling of some actions differs from IAM's.
_SPELT = {"kms:GenerateDataKeyWithoutPlainText": "kms:GenerateDataKeyWithoutPlaintext"}


def needed(kind: str, verb: str) -> list[str]:
    """Return the actions that a type needs for a verb, sorted."""
    return sorted({action for action in listed(kind, verb) if reason_not_used(kind, verb, action) is None})


def actions() -> dict[str, dict[str, list[str]]]:
    """Return the actions that each type in the templates needs, by verb."""
    return {kind: {verb: needed(kind, verb) for verb in VERBS} for kind in sorted(types())}
