"""CreateTransformJob: its parameters within AWS's limits.

Source: the API's reference. MaxPayloadInMB times MaxConcurrentTransforms is 100 at most, and a
model takes 1 to 3,600 seconds for a request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tailrace_core.jobs.model import JobSettings
from tailrace_core.transforms import rounds

_MIB = 1024 * 1024
MAX_TOTAL_MIB = 100
DEFAULT_PAYLOAD_MIB = 6
CONCURRENT = 4
"""Requests to an instance at once, where their size allows it."""
RETRIES = 0
"""SageMaker would repeat the request of a bad chunk as well; the next round repeats what failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformFleet:
    """The model and the instances that a stack's transform jobs run on."""

    model: str
    instance_type: str
    instance_count: int = 1


def create_request(
    job_id: str, number: int, settings: JobSettings, fleet: TransformFleet, *, bucket: str
) -> dict[str, Any]:
    """Return the parameters of CreateTransformJob for a round.

    One object is one request and one output: nothing is split, so that a line end within quotes
    does not cut a record.
    """
    first = number == 0
    source = rounds.input_prefix(job_id) if first else rounds.manifest_key(job_id, number)
    payload = payload_mib(settings)
    return {
        "TransformJobName": rounds.transform_job_name(job_id, number),
        "ModelName": fleet.model,
        "MaxConcurrentTransforms": min(CONCURRENT, MAX_TOTAL_MIB // payload),
        "MaxPayloadInMB": payload,
        "ModelClientConfig": {
            "InvocationsTimeoutInSeconds": settings.invocation_timeout_s,
            "InvocationsMaxRetries": RETRIES,
        },
        "TransformInput": {
            "DataSource": {
                "S3DataSource": {
                    "S3DataType": "S3Prefix" if first else "ManifestFile",
                    "S3Uri": f"s3://{bucket}/{source}",
                }
            },
            "ContentType": settings.content_type,
            "SplitType": "None",
        },
        "TransformOutput": {
            "S3OutputPath": f"s3://{bucket}/{rounds.output_prefix(job_id, number).removesuffix('/')}",
            "Accept": settings.accept,
            "AssembleWith": "None",
        },
        "TransformResources": {"InstanceType": fleet.instance_type, "InstanceCount": fleet.instance_count},
    }


def payload_mib(settings: JobSettings) -> int:
    """Return the size in MiB that a request may have: that of the job's largest chunk."""
    return min(MAX_TOTAL_MIB, max(DEFAULT_PAYLOAD_MIB, -(-settings.chunk_bytes // _MIB)))
