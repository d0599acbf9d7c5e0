"""KMS keys of encrypted resources.

Nothing is encrypted here, but a caller needs the permission for the key.

Services use a key in their caller's name. Sources: AWS's "Using server-side encryption with AWS KMS
keys" (S3), "Key management" of SQS and of SNS, "Using the AWS KMS key policy with DynamoDB",
"Securing Lambda environment variables". S3 needs the key only for an object that exists; here a
missing object needs it too.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_DECRYPT, _GENERATE = "kms:Decrypt", "kms:GenerateDataKey"
# Actions on the key that each action needs. DynamoDB needs the same for every action.
_NEEDED = {
    "s3:GetObject": (_DECRYPT,),
    "s3:PutObject": (_GENERATE,),
    "sqs:SendMessage": (_GENERATE, _DECRYPT),
    "sqs:ReceiveMessage": (_DECRYPT,),
    "sns:Publish": (_GENERATE, _DECRYPT),
    **{f"dynamodb:{name}": (_DECRYPT,) for name in ("GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem")},
    "lambda:Start": (_DECRYPT,),  # no action of IAM's; the environment is decrypted for the function's role
}


@dataclass(frozen=True)
class KeyUse:
    """One use of a key, as a question to IAM."""

    action: str
    key: str
    context: Mapping[str, str]


class EncryptionKeys:
    """The keys of resources, as templates name them."""

    def __init__(self, *, region: str, account_id: str) -> None:
        self._region = region
        self._prefix = f"arn:aws:kms:{region}:{account_id}:key/"
        self._keys: dict[str, str] = {}
        self._lock = threading.Lock()

    def record(self, arn: str, key: Any) -> None:
        """Record the key (an ARN or an id) of a resource.

        None for a resource without a key of the customer's.
        """
        with self._lock:
            if key:
                self._keys[arn] = key if str(key).startswith("arn:") else f"{self._prefix}{key}"
            else:
                self._keys.pop(arn, None)

    def uses(self, action: str, resource: str) -> Iterator[KeyUse]:
        """Yield the uses of a key that an action on a resource needs.

        None for a resource without a recorded key.
        """
        needed = _NEEDED.get(action, ())
        with self._lock:
            key = self._keys.get(_encrypted_resource(resource)) if needed else None
        via = f"{action.partition(':')[0]}.{self._region}.amazonaws.com"
        for each in needed if key else ():
            yield KeyUse(each, str(key), {"kms:viaservice": via})


def _encrypted_resource(resource: str) -> str:
    """Return the ARN of the resource that has the key: an object's bucket, an index's table."""
    service = resource.split(":")[2] if resource.count(":") > 2 else ""  # noqa: PLR2004 - where ARNs have it
    if service == "s3":
        return resource.partition("/")[0]
    return resource.partition("/index/")[0] if service == "dynamodb" else resource
