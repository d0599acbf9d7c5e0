"""The instances behind the pipeline's endpoint."""

from __future__ import annotations

from tailrace_local.control.admin_api import get_json
from tailrace_local.testing import RunningCloud
from tests.integration.local.polling import eventually


def scale(cloud: RunningCloud, count: int) -> None:
    """Set the number of instances; with 0, requests wait."""
    sagemaker, name = cloud.client("sagemaker"), cloud.facts.endpoint_name
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": count}]
    )
    eventually(
        lambda: sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService",
        what=f"{count} instances",
    )


def answered(cloud: RunningCloud) -> None:
    """Wait until every request is completed and its notification sent."""
    url = f"{cloud.own_url}/_tailrace/sagemaker/endpoints/{cloud.facts.endpoint_name}"
    eventually(lambda: (get_json(url) or {}).get("backlog") == 0, what="an answer to every request")
