"""Rules for requests beyond their shapes."""

from collections.abc import Mapping
from typing import Any

from tailrace_local.sagemaker.control.serverless_rules import check_serverless
from tailrace_local.sagemaker.errors import validation
from tailrace_local.sagemaker.records import EndpointConfig, Model

# By AWS's feature matrix, these are not supported with asynchronous inference.
_NOT_ASYNCHRONOUS = ("DataCaptureConfig", "ShadowProductionVariants", "ExplainerConfig")


def check_model(request: Mapping[str, Any]) -> None:
    """Raise ApiError for a CreateModel request that AWS refuses."""
    primary, several = request.get("PrimaryContainer"), request.get("Containers")
    if (primary is None) == (not several):
        raise validation("Give exactly one of PrimaryContainer and Containers.")
    for container in [primary] if primary else several or []:
        if not container.get("Image"):
            raise validation("Every container needs an Image; model packages are not emulated.")
        if container.get("Mode") == "MultiModel":
            raise validation("Multi-model containers are not emulated.")
    if not request.get("ExecutionRoleArn"):
        raise validation("ExecutionRoleArn is missing: the model's data is downloaded as that role.")


def check_endpoint_config(
    config: EndpointConfig, models: Mapping[str, Model], *, allow_serial: bool, region: str
) -> None:
    """Raise ApiError for a CreateEndpointConfig request that AWS refuses."""
    names = [variant.name for variant in config.variants]
    if len(set(names)) != len(names):
        raise validation("Production variant names must be unique.")
    for definition in config.request["ProductionVariants"]:
        of_instances = () if "ServerlessConfig" in definition else ("InitialInstanceCount", "InstanceType")
        for member in ("ModelName", *of_instances):
            if member not in definition:
                raise validation(f"The production variant {definition['VariantName']} needs {member}.")
    if config.serverless:
        check_serverless(config, models, region)
    if config.asynchronous is not None:
        _check_asynchronous(config, models, allow_serial=allow_serial)


def _check_asynchronous(config: EndpointConfig, models: Mapping[str, Model], *, allow_serial: bool) -> None:
    settings = config.asynchronous
    if settings is None or not settings.output_path:
        raise validation("AsyncInferenceConfig.OutputConfig needs S3OutputPath.")
    for name, path in (("S3OutputPath", settings.output_path), ("S3FailurePath", settings.failure_path)):
        if path is not None and not path.startswith("s3://"):
            raise validation(f"{name} must be an S3 URI that begins with s3://, not {path}.")
    for name in _NOT_ASYNCHRONOUS:
        if name in config.request:
            raise validation(f"{name} is not supported when specifying an AsyncInferenceConfig.")
    if len(config.variants) > 1:
        raise validation("Multiple production variants are not supported when specifying an AsyncInferenceConfig.")
    for model in models.values():
        if len(model.containers) > 1 and not allow_serial:
            raise validation(
                f"The model {model.name} has {len(model.containers)} containers: serial inference pipelines are not "
                "supported when specifying an AsyncInferenceConfig. Use a model with one container, such as an "
                "Autopilot job in ENSEMBLING mode gives."
            )
