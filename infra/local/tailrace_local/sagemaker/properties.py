"""CloudFormation's properties as the API's parameters.

Templates carry numbers and booleans as text as often as not; the API's shapes say what they are.
"""

from collections.abc import Mapping
from typing import Any

from tailrace_local.emulation.coercion import coerced
from tailrace_local.emulation.shapes import service_model
from tailrace_local.sagemaker.errors import validation

_KNOWN_BESIDE_CREATE = {
    "Endpoint": {"RetainAllVariantProperties", "ExcludeRetainedVariantProperties", "RetainDeploymentConfig"},
}


def refuse_unknown(kind: str, properties: Mapping[str, Any]) -> None:
    """Raise ApiError for a property that the resource type does not have, as CloudFormation does."""
    known = set(_input_shape(f"Create{kind}").members) | _KNOWN_BESIDE_CREATE.get(kind, set())
    for name in properties:
        if name not in known:
            raise validation(f"Model validation failed (#: extraneous key [{name}] is not permitted)")


def coerce(operation: str, properties: Mapping[str, Any], *, service: str = "sagemaker") -> dict[str, Any]:
    """`properties` with every value in the type that the operation's shape wants."""
    found: dict[str, Any] = coerced(_input_shape(operation, service), properties)
    return found


def for_operation(operation: str, properties: Mapping[str, Any], *, service: str = "sagemaker") -> dict[str, Any]:
    """Only what the operation takes."""
    members = _input_shape(operation, service).members
    return {name: value for name, value in properties.items() if name in members}


    found: dict[str, Any] = coerced(_input_shape(operation, service), properties)
    return found
