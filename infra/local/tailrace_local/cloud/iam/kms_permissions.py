"""Keys of the customer's own: nothing is encrypted here, but whoever asks for what a key locks must be allowed the key.

Services use a key in their caller's name. Sources: AWS's "Using server-side encryption with AWS KMS keys" (S3), "Key
management" of SQS and of SNS, "Using the AWS KMS key policy with DynamoDB", "Securing Lambda environment variables".
S3 asks for the key of an object only; here an object that is missing is taken for one that is there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

_DECRYPT, _GENERATE = "kms:Decrypt", "kms:GenerateDataKey"
# What each action needs of the key, by the service that uses it. DynamoDB needs the same for whatever is done.
_NEEDED = {
    "s3:GetObject": (_DECRYPT,),
    "s3:PutObject": (_GENERATE,),
    "sqs:SendMessage": (_GENERATE, _DECRYPT),
    "sqs:ReceiveMessage": (_DECRYPT,),
    "sns:Publish": (_GENERATE, _DECRYPT),
    **{f"dynamodb:{name}": (_DECRYPT,) for name in ("GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem")},
    "lambda:Start": (_DECRYPT,),  # no action of IAM's: the environment is read for the function's role
}

Properties = Mapping[str, Any]
ProvisionedResource = tuple[str, dict[str, Any]]


class ResourceTypes(Protocol):
    """Who provisions what there is."""

    def resource_type(self, name: str) -> dict[str, Callable[..., Any]] | None:
        """The handlers of a type; None when it is unknown."""
        ...

    def add_resource_type(self, name: str, handler: dict[str, Callable[..., Any]]) -> None:
        """Have other handlers for a type."""
        ...


@dataclass(frozen=True)
class Use:
    """One use of a key, as IAM is asked about it."""

    action: str
    key: str
    context: Mapping[str, str]


class EncryptionKeys:
    """Which resource is locked with which key, as templates say."""

    def __init__(self, *, region: str, account_id: str) -> None:
        self._region = region
        self._prefix = f"arn:aws:kms:{region}:{account_id}:key/"
        self._keys: dict[str, str] = {}
        self._lock = threading.Lock()

    def install(self, types: ResourceTypes) -> None:
        """Be told of the keys in templates from now on."""
        for name, key_of in _KEY_OF.items():
            handlers = types.resource_type(name)
            if handlers is None:
                raise TypeError(f"MiniStack should know {name}")
            types.add_resource_type(name, self._told(handlers, key_of))

    def uses(self, action: str, resource: str) -> Iterator[Use]:
        """What of keys an action on a resource needs; nothing where the resource has none of the customer's."""
        needed = _NEEDED.get(action, ())
        with self._lock:
            key = self._keys.get(_holder(resource)) if needed else None
        via = f"{action.partition(':')[0]}.{self._region}.amazonaws.com"
        for each in needed if key else ():
            yield Use(each, str(key), {"kms:viaservice": via})

    def _told(
        self, handlers: dict[str, Callable[..., Any]], key_of: Callable[[Properties], Any]
    ) -> dict[str, Callable[..., Any]]:
        def create(logical_id: str, properties: dict[str, Any], *more: Any) -> ProvisionedResource:
            made: ProvisionedResource = handlers["create"](logical_id, properties, *more)
            self._note(made, key_of(properties))
            return made

        def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], *more: Any) -> ProvisionedResource:
            made: ProvisionedResource = handlers["update"](physical_id, old, new, *more)
            self._note(made, key_of(new))
            return made

        return {**handlers, "create": create, **({"update": update} if "update" in handlers else {})}

    def _note(self, made: ProvisionedResource, key: Any) -> None:
        physical_id, attributes = made
        arn = physical_id if physical_id.startswith("arn:") else str((attributes or {}).get("Arn", physical_id))
        with self._lock:
            if key:
                self._keys[arn] = key if str(key).startswith("arn:") else f"{self._prefix}{key}"
            else:
                self._keys.pop(arn, None)


def _bucket_key(properties: Properties) -> Any:
    rules = (properties.get("BucketEncryption") or {}).get("ServerSideEncryptionConfiguration") or [{}]
    return (rules[0].get("ServerSideEncryptionByDefault") or {}).get("KMSMasterKeyID")


_KEY_OF: dict[str, Callable[[Properties], Any]] = {
    "AWS::S3::Bucket": _bucket_key,
    "AWS::DynamoDB::Table": lambda properties: (properties.get("SSESpecification") or {}).get("KMSMasterKeyId"),
    "AWS::Lambda::Function": lambda properties: properties.get("KmsKeyArn"),
    "AWS::SNS::Topic": lambda properties: properties.get("KmsMasterKeyId"),
    "AWS::SQS::Queue": lambda properties: properties.get("KmsMasterKeyId"),
}


def _holder(resource: str) -> str:
    """The ARN of what the key was given to: an object's bucket, an index's table."""
    service = resource.split(":")[2] if resource.count(":") > 2 else ""  # noqa: PLR2004 - where ARNs have it
    if service == "s3":
        return resource.partition("/")[0]
    return resource.partition("/index/")[0] if service == "dynamodb" else resource
