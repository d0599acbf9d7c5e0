"""Storage: encrypted, private, expired in time, and retained when the stack is deleted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.infra.rules.shapes import BUCKET, KEY, QUEUE, TABLE
from tests.infra.templates import TRAINING, Template

STATEFUL = (BUCKET, TABLE, KEY)


def data_at_rest_is_encrypted(template: Template) -> Iterator[str]:
    for queue in template.of_type(QUEUE):
        properties = template.properties(queue)
        if properties.get("SqsManagedSseEnabled") is not True and "KmsMasterKeyId" not in properties:
            yield f"{queue} is not encrypted"
    for bucket in template.of_type(BUCKET):
        if not template.properties(bucket).get("BucketEncryption"):
            yield f"{bucket} is not encrypted"
    for table in template.of_type(TABLE):
        if template.properties(table).get("SSESpecification", {}).get("SSEEnabled") is not True:
            yield f"{table} is not encrypted"


def buckets_are_private_and_keep_versions(template: Template) -> Iterator[str]:
    for bucket in template.of_type(BUCKET):
        properties = template.properties(bucket)
        block = properties.get("PublicAccessBlockConfiguration", {})
        if [value for value in block.values() if value is True] != [True] * 4:
            yield f"{bucket} does not block all public access"
        if properties.get("OwnershipControls") != {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}:
            yield f"{bucket} has ACLs"
        if properties.get("VersioningConfiguration") != {"Status": "Enabled"}:
            yield f"{bucket} keeps no versions"


def objects_expire(template: Template) -> Iterator[str]:
    for bucket in template.of_type(BUCKET):
        rules = _lifecycle(template.properties(bucket))
        for prefix in () if template.name == TRAINING else ("v1/jobs/", "v1/outputs/", "v1/failures/"):
            if not any(rule.get("Prefix") == prefix and "ExpirationInDays" in rule for rule in rules):
                yield f"{bucket}: {prefix} never expires"
        for clean_up in ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"):
            if not any(clean_up in rule and "Prefix" not in rule for rule in rules):
                yield f"{bucket} has no {clean_up} for everything"


def _lifecycle(properties: dict[str, Any]) -> list[dict[str, Any]]:
    rules = properties.get("LifecycleConfiguration", {}).get("Rules", [])
    return [rule for rule in rules if rule["Status"] == "Enabled"]


def data_outlives_the_stack(template: Template) -> Iterator[str]:
    for kind in STATEFUL:
        for key, resource in template.of_type(kind).items():
            if {resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")} != {
                "RetainExceptOnCreate",
                "Retain",
            }:
                yield f"{key} goes with the stack"


def what_goes_with_the_stack_says_so(template: Template) -> Iterator[str]:
    for queue, resource in template.of_type(QUEUE).items():
        if {resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")} != {"Delete"}:
            yield f"{queue} does not say what becomes of it"


def tables_can_be_restored_and_forget(template: Template) -> Iterator[str]:
    for table in template.of_type(TABLE):
        properties = template.properties(table)
        if "DeletionProtectionEnabled" not in properties:
            yield f"{table} cannot be protected from deletion"
        if properties.get("PointInTimeRecoverySpecification") != {"PointInTimeRecoveryEnabled": True}:
            yield f"{table} cannot be restored"
        if properties.get("TimeToLiveSpecification") != {"AttributeName": "expires_at", "Enabled": True}:
            yield f"{table} grows for ever"
        if properties.get("BillingMode") != "PAY_PER_REQUEST":
            yield f"{table} costs at rest"


RULES = (
    data_at_rest_is_encrypted,
    buckets_are_private_and_keep_versions,
    objects_expire,
    data_outlives_the_stack,
    what_goes_with_the_stack_says_so,
    tables_can_be_restored_and_forget,
)
