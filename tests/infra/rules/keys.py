"""Rules for the customer's key: its users, and that everything is encrypted with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.infra.rules.resource_policies import is_one_arn
from tests.infra.rules.shapes import (
    BUCKET,
    DEPLOYER,
    DOMAIN,
    ENDPOINT_CONFIG,
    FUNCTION,
    KEY,
    LOG_GROUP,
    QUEUE,
    TABLE,
    TOPIC,
)
from tests.infra.templates import Template, as_list, target

USE = {"kms:Decrypt", "kms:GenerateDataKey"}
# Services that act without a role of ours, and the condition that binds each to this stack.
SERVICES: dict[str, tuple[set[str], str]] = {
    "sns.amazonaws.com": (USE, "aws:SourceArn"),
    "cloudwatch.amazonaws.com": (USE, "aws:SourceArn"),
    "logs.${AWS::Region}.${AWS::URLSuffix}": (USE | {"kms:Encrypt"}, "kms:EncryptionContext:aws:logs:arn"),
}
# EventBridge names no source when it uses a key for a topic, so its grant cannot be limited to this
# account.
UNBOUND = "events.amazonaws.com"


def keys_rotate_and_wait(template: Template) -> Iterator[str]:
    for key in template.of_type(KEY):
        properties = template.properties(key)
        if properties.get("EnableKeyRotation") is not True:
            yield f"{key} does not rotate"
        if properties.get("PendingWindowInDays", 30) < 30:
            yield f"{key} is gone before anybody misses it"


def keys_open_to_no_one_but_bound_services(template: Template) -> Iterator[str]:
    for key, statement in _statements(template):
        principal = statement["Principal"]
        if statement["Effect"] != "Allow":
            continue
        if principal == {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}:
            continue
        service = _service(principal)
        source = statement.get("Condition", {}).get("ArnLike", {}).get("aws:SourceArn")
        of_rules = service == UNBOUND and isinstance(source, dict) and ":rule/${AWS::StackName}-" in source["Fn::Sub"]
        if service not in SERVICES and not of_rules:
            yield f"{key}: {statement['Sid']} lets {principal} in"
            continue
        key_of_source = "aws:SourceArn" if of_rules else SERVICES[service][1]
        bound = statement.get("Condition", {}).get("ArnLike", {}).get(key_of_source)
        if not isinstance(bound, dict) or "${AWS::AccountId}:" not in bound.get("Fn::Sub", ""):
            yield f"{key}: {statement['Sid']} serves other accounts too"


def keys_are_granted_on_to_services_only(template: Template) -> Iterator[str]:
    for key in template.of_type(KEY):
        refused = [
            statement["Condition"]
            for owner, statement in _statements(template)
            if owner == key and (statement["Effect"], statement["Action"]) == ("Deny", "kms:CreateGrant")
        ]
        if {
            "BoolIfExists": {"kms:GrantIsForAWSResource": "false", "aws:PrincipalIsAWSService": "false"}
        } not in refused:
            yield f"{key} can be granted on to anybody"


def keys_let_the_services_work_that_have_no_role(template: Template) -> Iterator[str]:
    for key in template.of_type(KEY):
        granted: dict[str, set[str]] = {}
        for owner, statement in _statements(template):
            if owner == key and statement["Effect"] == "Allow":
                granted.setdefault(_service(statement["Principal"]), set()).update(as_list(statement["Action"]))
        for service, (actions, _) in SERVICES.items():
            if missing := actions - granted.get(service, set()):
                yield f"{key} does not let {service} {sorted(missing)}"


def _statements(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    for key in template.of_type(KEY):
        for statement in template.properties(key)["KeyPolicy"]["Statement"]:
            yield key, statement


def _service(principal: Any) -> str:
    service = principal.get("Service", "") if isinstance(principal, dict) else ""
    return str(service.get("Fn::Sub", "")) if isinstance(service, dict) else str(service)


def everything_kept_is_under_the_key(template: Template) -> Iterator[str]:
    """Return whether the stack has a key; nested templates get it as the parameter KeyArn."""
    for kind, path in (
        (QUEUE, ("KmsMasterKeyId",)),
        (TOPIC, ("KmsMasterKeyId",)),
        (TABLE, ("SSESpecification", "KMSMasterKeyId")),
        (LOG_GROUP, ("KmsKeyId",)),
        (FUNCTION, ("KmsKeyArn",)),
        (DOMAIN, ("KmsKeyId",)),
        (ENDPOINT_CONFIG, ("KmsKeyId",)),
        (ENDPOINT_CONFIG, ("AsyncInferenceConfig", "OutputConfig", "KmsKeyId")),
    ):
        for resource in template.of_type(kind):
            found: Any = template.properties(resource)
            if path[0] == "AsyncInferenceConfig" and path[0] not in found:
                continue  # ScoreChunks writes the outputs of other endpoints, under the bucket's key
            for name in path:
                found = found.get(name, {})
            if target(found) not in {"Key", "KeyArn", "VolumeKeyArn"}:
                yield f"{resource}: {'.'.join(path)} is not the customer's key"
    for bucket in template.of_type(BUCKET):
        (rule,) = template.properties(bucket)["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        default = rule["ServerSideEncryptionByDefault"]
        if default["SSEAlgorithm"] != "aws:kms" or target(default.get("KMSMasterKeyID")) != "Key":
            yield f"{bucket} is not encrypted with the customer's key"
        if rule.get("BucketKeyEnabled") is not True:
            yield f"{bucket} asks for a key with every object"


def grants_of_the_key_are_bound_to_services(template: Template) -> Iterator[str]:
    if template.name == DEPLOYER:
        return  # it makes keys, whose ids nobody knows yet
    for role, statement in template.role_statements():
        for action in as_list(statement.get("Action", [])):
            if not action.startswith("kms:"):
                continue
            if action not in USE:
                yield f"{role}: {statement['Sid']} grants {action}"
            via = statement.get("Condition", {}).get("StringLike", {}).get("kms:ViaService", [])
            keys = as_list(statement["Resource"])  # several where sources in S3 have keys of their own
            of_key = target(statement["Resource"]) in {"Key", "KeyArn"} or all(is_one_arn(each, "kms") for each in keys)
            if not of_key or not via:
                yield f"{role}: {statement['Sid']} uses a key outside the services that hold the data"


RULES = (
    keys_rotate_and_wait,
    keys_open_to_no_one_but_bound_services,
    keys_are_granted_on_to_services_only,
    keys_let_the_services_work_that_have_no_role,
    grants_of_the_key_are_bound_to_services,
)
HARDENED = (everything_kept_is_under_the_key,)
