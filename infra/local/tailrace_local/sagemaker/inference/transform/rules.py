"""Rules for CreateTransformJob beyond its shape, and the limits that follow from a request."""

from collections.abc import Mapping
from typing import Any

from tailrace_local.sagemaker.errors import validation
from tailrace_local.sagemaker.inference.transform.data_processing import DataProcessing
from tailrace_local.sagemaker.inference.transform.jobs import MIB, Limits

# Defaults by the API's reference.
_CONCURRENT, _PAYLOAD_MB, _TIMEOUT_S, _RETRIES = 1, 6, 600, 3
_MOST_MB = 100


def check_transform_job(request: Mapping[str, Any]) -> None:
    """Raise ApiError for a request that AWS refuses, or that is not emulated."""
    source = request["TransformInput"]
    kind = source["DataSource"]["S3DataSource"]["S3DataType"]
    if kind not in {"S3Prefix", "ManifestFile"}:
        raise validation(f"S3DataType {kind} is not compatible with batch transform: S3Prefix and ManifestFile are.")
    split = source.get("SplitType", "None")
    if split not in {"None", "Line"}:
        raise validation(f"SplitType {split} is not emulated: None and Line are.")
    DataProcessing.of(request)
    payload_mb = request.get("MaxPayloadInMB", _PAYLOAD_MB)
    if payload_mb > _MOST_MB:
        raise validation(f"MaxPayloadInMB {payload_mb} cannot be greater than {_MOST_MB}.")
    product = request.get("MaxConcurrentTransforms", 0) * payload_mb
    if product > _MOST_MB:
        raise validation(
            f"The value of MaxConcurrentTransforms * MaxPayloadInMB, {product}, cannot exceed {_MOST_MB} MB."
        )


def limits_of(request: Mapping[str, Any], advised: Mapping[str, Any], time_scale: float) -> Limits:
    """Return a job's limits. `advised` is the container's answer to GET /execution-parameters."""
    client = request.get("ModelClientConfig", {})
    strategy = request.get("BatchStrategy") or advised.get("BatchStrategy", "MULTI_RECORD")
    payload_mb = request.get("MaxPayloadInMB", advised.get("MaxPayloadInMB", _PAYLOAD_MB))
    return Limits(
        concurrent=max(
            1, int(request.get("MaxConcurrentTransforms") or advised.get("MaxConcurrentTransforms") or _CONCURRENT)
        ),
        payload_bytes=int(payload_mb) * MIB,
        single_record=str(strategy).replace("_", "").lower() == "singlerecord",
        timeout_s=client.get("InvocationsTimeoutInSeconds", _TIMEOUT_S) * time_scale,
        retries=client.get("InvocationsMaxRetries", _RETRIES),
    )
