"""Resources as the API's answers describe them."""

from typing import Any

from tailrace_local.sagemaker.control.registry import Named
from tailrace_local.sagemaker.hosting.endpoints import Deployment, Endpoint


def summary(kind: str, row: Named) -> dict[str, Any]:
    """Make an entry of a List operation.

    An example is `{"ModelName": …, "ModelArn": …, "CreationTime": …}`.
    """
    return {f"{kind}Name": row.name, f"{kind}Arn": row.arn, "CreationTime": row.created_s}


def describe_endpoint(endpoint: Endpoint) -> dict[str, Any]:
    """Make the answer of DescribeEndpoint."""
    described = summary("Endpoint", endpoint) | {
        "EndpointConfigName": endpoint.config_name,
        "EndpointStatus": endpoint.status.value,
        "LastModifiedTime": endpoint.modified_s,
    }
    if endpoint.failure_reason:
        described["FailureReason"] = endpoint.failure_reason[:1024]
    if endpoint.deployment:
        described["ProductionVariants"] = _variants(endpoint.deployment)
        if "AsyncInferenceConfig" in endpoint.deployment.config.request:
            described["AsyncInferenceConfig"] = endpoint.deployment.config.request["AsyncInferenceConfig"]
    return described


def _variants(deployment: Deployment) -> list[dict[str, Any]]:
    return [
        {
            "VariantName": variant.name,
            "DeployedImages": [
                {"SpecifiedImage": one.image} for one in deployment.fleets[variant.name].plan.containers
            ],
            "CurrentWeight": deployment.weights[variant.name],
            "DesiredWeight": deployment.weights[variant.name],
            **_capacity(deployment, variant.name),
        }
        for variant in deployment.config.variants
    ]


def _capacity(deployment: Deployment, variant: str) -> dict[str, Any]:
    if fleet := deployment.serverless(variant):
        shown = fleet.settings.shown()
        return {"CurrentServerlessConfig": shown, "DesiredServerlessConfig": shown}
    return {
        "CurrentInstanceCount": deployment.fleets[variant].ready_count,
        "DesiredInstanceCount": deployment.desired[variant],
    }
