"""The properties of SageMaker's CloudFormation types."""

from collections.abc import Mapping
from typing import Any

from tailrace_local.emulator_base.coercion import input_shape
from tailrace_local.sagemaker.errors import validation

_KNOWN_BESIDE_CREATE = {
    "Endpoint": {"RetainAllVariantProperties", "ExcludeRetainedVariantProperties", "RetainDeploymentConfig"},
}


def refuse_unknown(kind: str, properties: Mapping[str, Any]) -> None:
    """Raise ApiError for a property unknown to the resource type, as CloudFormation does."""
    known = set(input_shape(f"Create{kind}", service="sagemaker").members) | _KNOWN_BESIDE_CREATE.get(kind, set())
    for name in properties:
        if name not in known:
            raise validation(f"Model validation failed (#: extraneous key [{name}] is not permitted)")
