"""The demo's model as the containers of AutoML candidates, and jobs that have them."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from typing import Any

from tailrace_local.testing import RunningCloud

Json = dict[str, Any]
FEATURISER = {
    "AUTOML_TRANSFORM_MODE": "feature-transform",
    "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "application/x-npy",
}
REGRESSOR = {"MAX_CONTENT_LENGTH": "20971520", "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv"}
LOGARITHMS = {**REGRESSOR, "SAGEMAKER_INFERENCE_OUTPUT": "logarithm"}
INVERSE = {"AUTOML_TRANSFORM_MODE": "inverse-label-transform", "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv"}
ENVIRONMENTS = {1: [REGRESSOR], 2: [FEATURISER, REGRESSOR], 3: [FEATURISER, LOGARITHMS, INVERSE]}


@dataclass(frozen=True)
class DemoModel:
    """The locations of the demo's model: its image, and its archive in S3."""

    image: str
    data_url: str

    def parameters(self) -> dict[str, str]:
        """Return the template's parameters for this image."""
        return {"ModelImage": self.image, "ModelDataUrl": self.data_url}

    def containers(self, count: int) -> list[Json]:
        """Return the containers as a candidate lists them."""
        return [
            {"Image": self.image, "ModelDataUrl": self.data_url, "Environment": environment}
            for environment in ENVIRONMENTS[count]
        ]


def make_job(cloud: RunningCloud, name: str) -> None:
    """Create an AutoML job that is still in progress."""
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://data/train.csv"}}
    cloud.client("sagemaker").create_auto_ml_job_v2(
        AutoMLJobName=name,
        AutoMLJobInputDataConfig=[{"ChannelType": "training", "DataSource": source}],
        OutputDataConfig={"S3OutputPath": "s3://data/out"},
        AutoMLProblemTypeConfig={"TabularJobConfig": {"TargetAttributeName": "unit_sales"}},
        RoleArn=f"arn:aws:iam::{cloud.facts.account_id}:role/autopilot",
    )


def tell(cloud: RunningCloud, name: str, description: Json) -> None:
    """Set the job's result."""
    request = urllib.request.Request(  # noqa: S310 - the local cloud's own address
        f"{cloud.own_url}/_tailrace/sagemaker/auto-ml-jobs/{name}",
        json.dumps(description).encode(),
        {"x-tailrace-token": cloud.token},
        method="PUT",
    )
    with urllib.request.urlopen(request, timeout=60):  # noqa: S310 - the same
        pass


def finished_job(cloud: RunningCloud, name: str, containers: list[Json]) -> str:
    """Create a completed job whose best candidate has these containers; return its name."""
    make_job(cloud, name)
    tell(cloud, name, {"AutoMLJobStatus": "Completed", "BestCandidate": {"InferenceContainers": containers}})
    return name
