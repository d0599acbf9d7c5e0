"""IAM's names of the calls, whose services and operations boto3 names otherwise."""

from __future__ import annotations

_PREFIXES = {
    "service-quotas": "servicequotas",
    "sagemaker-runtime": "sagemaker",
    "stepfunctions": "states",
}
_OTHERS = {
    "s3.head_bucket": "s3:ListBucket",
    "s3.head_object": "s3:GetObject",
    "s3.get_bucket_notification_configuration": "s3:GetBucketNotification",
    "s3.list_buckets": "s3:ListAllMyBuckets",
    "service-quotas.list_aws_default_service_quotas": "servicequotas:ListAWSDefaultServiceQuotas",
}
_ABBREVIATED = frozenset({"aws", "sms"})


def iam_action(operation: str) -> str:
    """Return the IAM action of a call such as ``lambda.list_event_source_mappings``."""
    if operation in _OTHERS:
        return _OTHERS[operation]
    service, _, method = operation.partition(".")
    name = "".join(word.upper() if word in _ABBREVIATED else word.capitalize() for word in method.split("_"))
    return f"{_PREFIXES.get(service, service)}:{name}"
