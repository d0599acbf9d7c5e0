"""Rules for serverless variants, and for updates between the kinds of endpoints.

Source: "Deploy models with Amazon SageMaker Serverless Inference", its sections on memory size,
concurrency and feature exclusions. AWS does not document the words of the refusals.
"""

from collections.abc import Mapping
from typing import Any

from tailrace_local.sagemaker.errors import validation
from tailrace_local.sagemaker.locations import partition_of
from tailrace_local.sagemaker.records import EndpointConfig, Model, ServerlessSettings

_GIB = 1024
_OF_INSTANCES = (
    *("InstanceType", "InitialInstanceCount", "AcceleratorType", "VolumeSizeInGB", "CoreDumpConfig"),
    *("EnableSSMAccess", "ManagedInstanceScaling", "RoutingConfig", "InferenceAmiVersion", "InstancePools"),
    *("ModelDataDownloadTimeoutInSeconds", "ContainerStartupHealthCheckTimeoutInSeconds"),
)
_NOT_SERVERLESS = (
    *("AsyncInferenceConfig", "DataCaptureConfig", "ShadowProductionVariants", "ExplainerConfig"),
    *("VpcConfig", "EnableNetworkIsolation"),
)
_WITHOUT_SERVERLESS = ("aws-cn",)


def check_serverless(config: EndpointConfig, models: Mapping[str, Model], region: str) -> None:
    """Raise ApiError for a configuration with a serverless variant that AWS refuses."""
    if partition_of(region) in _WITHOUT_SERVERLESS:
        raise validation(f"Serverless Inference is not available in {region}.")
    if len(config.variants) > 1:
        raise validation("Multiple production variants are not supported for Serverless Inference.")
    for name in _NOT_SERVERLESS:
        if config.request.get(name):
            raise validation(f"{name} is not supported for Serverless Inference.")
    (definition,), (variant,) = config.request["ProductionVariants"], config.variants
    for name in _OF_INSTANCES:
        if name in definition:
            raise validation(f"{name} cannot be specified with ServerlessConfig.")
    if variant.serverless:
        check_concurrency(variant.serverless)
    for model in models.values():
        _check_model(model)


def check_concurrency(settings: ServerlessSettings) -> None:
    """Raise ApiError for a memory size or concurrency outside the limits."""
    if settings.memory_mb % _GIB:
        raise validation(f"MemorySizeInMB {settings.memory_mb} is not a multiple of {_GIB}.")
    if settings.provisioned > settings.max_concurrency:
        raise validation(
            f"ProvisionedConcurrency {settings.provisioned} must be less than or equal to MaxConcurrency "
            f"{settings.max_concurrency}."
        )


def check_update(running: EndpointConfig, wanted: EndpointConfig) -> None:
    """Raise ApiError for an update that AWS does not make.

    A serverless endpoint can become one of instances, but never the other way round.
    """
    if (running.asynchronous is None) != (wanted.asynchronous is None):
        raise validation("An endpoint cannot change between real-time and asynchronous inference.")
    if wanted.serverless and not running.serverless:
        raise validation("An instance-based endpoint cannot be converted to a serverless endpoint.")


def check_capacity(change: Mapping[str, Any], config: EndpointConfig) -> None:
    """Raise ApiError for a DesiredWeightAndCapacity that does not fit the variant's kind."""
    if config.serverless and "DesiredInstanceCount" in change:
        raise validation("DesiredInstanceCount cannot be specified for a serverless variant.")
    if not config.serverless and "ServerlessUpdateConfig" in change:
        raise validation("ServerlessUpdateConfig can only be specified for a serverless variant.")
    if change.get("DesiredInstanceCount") == 0 and config.asynchronous is None:
        raise validation("Only an asynchronous endpoint can have no instances.")


def _check_model(model: Model) -> None:
    for name in ("VpcConfig", "EnableNetworkIsolation"):
        if model.request.get(name):
            raise validation(f"The model {model.name} has {name}, which Serverless Inference does not support.")
    if len(model.containers) > 1:
        raise validation(
            f"The model {model.name} has {len(model.containers)} containers: Serverless Inference does not support "
            "inference pipelines."
        )
