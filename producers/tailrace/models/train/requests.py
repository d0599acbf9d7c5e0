"""Requests of CreateAutoMLJobV2 as values, and the names of jobs."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from tailrace.models.train.checks import Format
from tailrace.models.train.options import MAX_NAME_CHARS, MODES, TrainingOptions

_DIGEST_CHARS = 12
_PREFIX = "training"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """Data in S3: an address or a prefix, their format, and a digest of their content."""

    address: str
    format: Format
    digest: str

    def request(self, kind: str) -> dict[str, Any]:
        """Return the channel as the API takes it."""
        return {
            "ChannelType": kind,
            "ContentType": self.format.content_type,
            "CompressionType": "Gzip" if self.format.gzipped else "None",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": self.address}},
        }


def data_key(digest: str, file_name: str) -> str:
    """Return the key of an uploaded file: the same content and name have the same key."""
    return f"{_PREFIX}/data/{digest[:32]}/{file_name}"


def models_address(bucket: str) -> str:
    """Return the address under which models are stored in a bucket."""
    return f"s3://{bucket}/{_PREFIX}/models/"


def create_request(
    options: TrainingOptions, training: Channel, validation: Channel | None, *, role: str, output_path: str
) -> dict[str, Any]:
    """Return the request of CreateAutoMLJobV2."""
    channels = [training.request("training"), *([validation.request("validation")] if validation else ())]
    criteria: dict[str, Any] = {"MaxCandidates": options.candidates}
    if options.max_runtime_s is not None:
        criteria["MaxAutoMLJobRuntimeInSeconds"] = options.max_runtime_s
    config: dict[str, Any] = {
        "TargetAttributeName": options.target,
        "Mode": MODES[options.mode],
        "CompletionCriteria": criteria,
    }
    request: dict[str, Any] = {
        "AutoMLJobInputDataConfig": channels,
        "OutputDataConfig": {"S3OutputPath": output_path},
        "AutoMLProblemTypeConfig": {"TabularJobConfig": config},
        "RoleArn": role,
    }
    if options.problem_type:
        config["ProblemType"] = options.problem_type
        request["AutoMLJobObjective"] = {"MetricName": options.objective}
    digests = [training.digest, *([validation.digest] if validation else ())]
    name = options.name or job_name(training.address, digests, request)
    tags = [{"Key": key, "Value": value} for key, value in sorted(options.tags.items())]
    return {"AutoMLJobName": name, **request, **({"Tags": tags} if tags else {})}


def job_name(address: str, digests: list[str], request: Mapping[str, Any]) -> str:
    """Return a name for a job: of its data, and a digest of their content and the request.

    It is in lower case, because a stack that deploys the job's model needs its ARN otherwise.
    """
    stem = PurePosixPath(address.rstrip("/")).name.partition(".")[0].lower()
    words = re.sub("[^a-z0-9]+", "-", stem).strip("-")[: MAX_NAME_CHARS - _DIGEST_CHARS - 1].strip("-")
    asked = json.dumps([digests, request], sort_keys=True)
    digest = hashlib.sha256(asked.encode()).hexdigest()[:_DIGEST_CHARS]
    return f"{words or 'data'}-{digest}"


def same_training(described: Mapping[str, Any], request: Mapping[str, Any]) -> bool:
    """Report whether a job that exists was created by such a request."""
    asked = dict(request["AutoMLProblemTypeConfig"]["TabularJobConfig"])
    found = described.get("AutoMLProblemTypeConfig", {}).get("TabularJobConfig", {})
    compared = ("AutoMLJobObjective", "OutputDataConfig")
    return (
        all(found.get(key) == value for key, value in asked.items())
        and _addresses(described) == _addresses(request)
        and all(_plain(described.get(key)) == _plain(request.get(key)) for key in compared)
    )


def _plain(value: Any) -> Any:
    return {key: each for key, each in value.items() if each != ""} if isinstance(value, dict) else value


def _addresses(request: Mapping[str, Any]) -> list[str]:
    channels = request.get("AutoMLJobInputDataConfig", ())
    return [each["DataSource"]["S3DataSource"]["S3Uri"] for each in channels]
