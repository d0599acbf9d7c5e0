from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tailrace_local.cloud.iam.kms_permissions import EncryptionKeys, KeyUse
from tailrace_local.cloud.ministack.cloudformation.encryption_keys import record_keys
from tailrace_local.cloud.ministack.patching import Patch

KEY = "arn:aws:kms:eu-west-1:123456789012:key/k"
BUCKET = {
    "BucketEncryption": {
        "ServerSideEncryptionConfiguration": [
            {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}}
        ]
    }
}


class Types:
    """Provisions everything under the given ARN."""

    def __init__(self, arns: dict[str, str]) -> None:
        self._arns = arns
        self.handlers: dict[str, dict[str, Callable[..., Any]]] = {}

    def wrap(self, patch: Patch, **wrappers: Callable[..., Any]) -> None:
        name = patch.declaration.partition("[")[2].partition("]")[0]
        made = ("physical", {"Arn": self._arns.get(name, name)})
        self.handlers[name] = {verb: partial(wrapper, lambda *_: made) for verb, wrapper in wrappers.items()}


def keys_of(kind: str, arn: str, properties: dict[str, Any]) -> tuple[EncryptionKeys, Types]:
    keys, types = EncryptionKeys(region="eu-west-1", account_id="123456789012"), Types({kind: arn})
    record_keys(types, keys)
    types.handlers[kind]["create"]("Logical", properties, "stack")
    return keys, types


@pytest.mark.parametrize(
    ("kind", "arn", "properties", "action", "resource", "needed"),
    [
        ("AWS::S3::Bucket", "arn:aws:s3:::b", BUCKET, "s3:GetObject", "arn:aws:s3:::b/v1/k", ["Decrypt"]),
        ("AWS::S3::Bucket", "arn:aws:s3:::b", BUCKET, "s3:PutObject", "arn:aws:s3:::b/v1/k", ["GenerateDataKey"]),
        ("AWS::S3::Bucket", "arn:aws:s3:::b", BUCKET, "s3:ListBucket", "arn:aws:s3:::b", []),
        (
            "AWS::SQS::Queue",
            "arn:aws:sqs:eu-west-1:123456789012:q",
            {"KmsMasterKeyId": "k"},
            "sqs:SendMessage",
            "arn:aws:sqs:eu-west-1:123456789012:q",
            ["GenerateDataKey", "Decrypt"],
        ),
        (
            "AWS::DynamoDB::Table",
            "arn:aws:dynamodb:eu-west-1:123456789012:table/t",
            {"SSESpecification": {"KMSMasterKeyId": KEY}},
            "dynamodb:Query",
            "arn:aws:dynamodb:eu-west-1:123456789012:table/t/index/due",
            ["Decrypt"],
        ),
    ],
)
def test_an_encrypted_resource_needs_the_permission_for_its_key(
    kind: str, arn: str, properties: dict[str, Any], action: str, resource: str, needed: list[str]
) -> None:
    keys, _ = keys_of(kind, arn, properties)
    via = {"kms:viaservice": f"{action.partition(':')[0]}.eu-west-1.amazonaws.com"}
    assert list(keys.uses(action, resource)) == [KeyUse(f"kms:{each}", KEY, via) for each in needed]


def test_another_bucket_of_the_same_beginning_is_not_locked() -> None:
    keys, _ = keys_of("AWS::S3::Bucket", "arn:aws:s3:::b", BUCKET)
    assert list(keys.uses("s3:GetObject", "arn:aws:s3:::bb/v1/k")) == []


def test_an_update_without_the_key_gives_it_up() -> None:
    keys, types = keys_of("AWS::S3::Bucket", "arn:aws:s3:::b", BUCKET)
    types.handlers["AWS::S3::Bucket"]["update"]("physical", BUCKET, {}, "stack")
    assert list(keys.uses("s3:GetObject", "arn:aws:s3:::b/k")) == []
