"""Addresses of AWS's services, and the certificates that prove them; as botocore has both."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec

SERVICES = {
    "cloudformation": ("cloudformation", "cloudformation"),
    "dynamodb": ("dynamodb", "dynamodb"),
    "s3": ("s3", "s3"),
    "sagemaker": ("api.sagemaker", "sagemaker"),
    "sagemaker-runtime": ("runtime.sagemaker", "sagemaker"),
    "sns": ("sns", "sns"),
    "sqs": ("sqs", "sqs"),
    "sts": ("sts", "sts"),
}
"""Service: the first part of its host's name, and its name in signatures."""
_SUFFIXES = (
    (re.compile(r"(us|eu|ap|sa|ca|me|af|il|mx)-[a-z]+-[0-9]+"), "amazonaws.com"),
    (re.compile(r"us-gov-[a-z]+-[0-9]+"), "amazonaws.com"),
    (re.compile(r"cn-[a-z]+-[0-9]+"), "amazonaws.com.cn"),
)
"""The regions of three partitions, and the end of their hosts' names."""
_OLDEST = ("s3", "us-east-1")


def host_of(service: str, region: str) -> str | None:
    """Return the name of a service's host; None where the region's partition is not known."""
    suffix = next((suffix for pattern, suffix in _SUFFIXES if pattern.fullmatch(region)), None)
    if suffix is None:
        return None
    prefix, _ = SERVICES[service]
    # botocore keeps S3's oldest address.
    return f"{prefix}.{suffix}" if (service, region) == _OLDEST else f"{prefix}.{region}.{suffix}"


def authorities() -> str:
    """Return botocore's file of certificates: certifi's where that is installed, else its own.

    Raises:
        FileNotFoundError: neither is installed.
    """
    for package in ("certifi", "botocore"):
        if (spec := find_spec(package)) is not None and spec.origin:
            return os.path.join(os.path.dirname(spec.origin), "cacert.pem")  # noqa: PTH118, PTH120 - pathlib is slow to import
    raise FileNotFoundError("neither certifi nor botocore is installed")
