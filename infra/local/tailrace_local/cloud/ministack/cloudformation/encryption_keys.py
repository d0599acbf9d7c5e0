"""Records which KMS key a template gives to which resource."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

from tailrace_local.cloud.iam.kms_permissions import EncryptionKeys
from tailrace_local.cloud.ministack.cloudformation.resource_types import Handler
from tailrace_local.cloud.ministack.patching import Patch
from tailrace_local.emulator_base.resources import Properties, ProvisionedResource

KeyOf = Callable[[Properties], Any]
"""Reads the key from a resource's properties; None when there is none."""


class TypeWrapper(Protocol):
    """The table of resource types."""

    def wrap(self, patch: Patch, **wrappers: Handler) -> None:
        """Wrap handlers of the type that `patch` declares."""
        ...


def record_keys(types: TypeWrapper, keys: EncryptionKeys) -> None:
    """Record the keys of every resource that a template makes or changes from now on."""
    for patch, key_of in zip(_PATCHES, _KEY_OF.values(), strict=True):
        create, update = partial(_create, keys, key_of), partial(_update, keys, key_of)
        # The original handler comes first in a wrapper's arguments.
        types.wrap(patch, create=create, update=update)


def _create(
    keys: EncryptionKeys, key_of: KeyOf, original: Handler, logical_id: str, properties: Properties, *more: Any
) -> ProvisionedResource:
    made: ProvisionedResource = original(logical_id, properties, *more)
    keys.record(_arn(made), key_of(properties))
    return made


def _update(
    keys: EncryptionKeys, key_of: KeyOf, original: Handler, physical_id: str, old: Any, new: Properties, *more: Any
) -> ProvisionedResource:
    made: ProvisionedResource = original(physical_id, old, new, *more)
    keys.record(_arn(made), key_of(new))
    return made


def _arn(made: ProvisionedResource) -> str:
    physical_id, attributes = made
    return physical_id if physical_id.startswith("arn:") else str((attributes or {}).get("Arn", physical_id))


def _bucket_key(properties: Properties) -> Any:
    rules = (properties.get("BucketEncryption") or {}).get("ServerSideEncryptionConfiguration") or [{}]
    return (rules[0].get("ServerSideEncryptionByDefault") or {}).get("KMSMasterKeyID")


_KEY_OF: Mapping[str, KeyOf] = {
    "AWS::S3::Bucket": _bucket_key,
    "AWS::DynamoDB::Table": lambda properties: (properties.get("SSESpecification") or {}).get("KMSMasterKeyId"),
    "AWS::Lambda::Function": lambda properties: properties.get("KmsKeyArn"),
    "AWS::SNS::Topic": lambda properties: properties.get("KmsMasterKeyId"),
    "AWS::SQS::Queue": lambda properties: properties.get("KmsMasterKeyId"),
}
_PATCHES = tuple(
    Patch(
        "ministack.services.cloudformation.provisioners",
        f"_RESOURCE_HANDLERS[{name}]: dict",
        corrects=f"MiniStack does not ask for the KMS key of an {name} when the resource is used.",
        why="A role that may use the resource but not its key would work here and fail on AWS.",
        until="MiniStack asks for kms:Decrypt and kms:GenerateDataKey where AWS's services do.",
    )
    for name in _KEY_OF
)
