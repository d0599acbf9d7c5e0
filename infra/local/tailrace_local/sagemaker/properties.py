"""CloudFormation's properties as the API's parameters.

Templates carry numbers and booleans as text as often as not; the API's shapes say what they are.
"""

from collections.abc import Mapping
from typing import Any

from tailrace_local.sagemaker.errors import validation
from tailrace_local.sagemaker.shapes import service_model

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
    coerced: dict[str, Any] = _coerced(_input_shape(operation, service), properties)
    return coerced


def for_operation(operation: str, properties: Mapping[str, Any], *, service: str = "sagemaker") -> dict[str, Any]:
    """Only what the operation takes."""
    members = _input_shape(operation, service).members
    return {name: value for name, value in properties.items() if name in members}


def _input_shape(operation: str, service: str = "sagemaker") -> Any:
    return service_model(service).operation_model(operation).input_shape


def _coerced(shape: Any, value: Any) -> Any:  # noqa: PLR0911 - one case a type
    if shape.type_name == "structure" and isinstance(value, Mapping):
        return {
            name: _coerced(shape.members[name], item) if name in shape.members else item for name, item in value.items()
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [_coerced(shape.member, item) for item in value]
    if shape.type_name == "map" and isinstance(value, Mapping):
        return {str(name): _coerced(shape.value, item) for name, item in value.items()}
    if shape.type_name in {"integer", "long", "float", "double"} and isinstance(value, str):
        return _number(shape.type_name, value)
    if shape.type_name == "boolean" and isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    if shape.type_name == "string" and isinstance(value, bool):
        return str(value).lower()
    return str(value) if shape.type_name == "string" and isinstance(value, int | float) else value


def _number(type_name: str, value: str) -> Any:
    try:
        return int(value) if type_name in {"integer", "long"} else float(value)
    except ValueError:
        return value  # the validation says what is wrong
