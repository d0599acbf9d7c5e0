"""Converts CloudFormation properties to an API's parameters.

Templates often write numbers and booleans as text; the shapes of the API have the types.
"""

from collections.abc import Mapping
from typing import Any

from tailrace_local.emulator_base.shapes import service_model


def coerce_properties(operation: str, properties: Mapping[str, Any], *, service: str) -> dict[str, Any]:
    """Return `properties` with each value in the type of the operation's input shape."""
    found: dict[str, Any] = coerce_value(input_shape(operation, service=service), properties)
    return found


def pick_members(operation: str, properties: Mapping[str, Any], *, service: str) -> dict[str, Any]:
    """Return only the members of the operation's input."""
    members = input_shape(operation, service=service).members
    return {name: value for name, value in properties.items() if name in members}


def input_shape(operation: str, *, service: str) -> Any:
    """Return the operation's input shape in botocore's model."""
    return service_model(service).operation_model(operation).input_shape


def coerce_value(shape: Any, value: Any) -> Any:  # noqa: PLR0911 - one case a type
    """Convert `value` and its parts to the shape's types; a value that does not fit stays."""
    if shape.type_name == "structure" and isinstance(value, Mapping):
        return {
            name: coerce_value(shape.members[name], item) if name in shape.members else item
            for name, item in value.items()
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [coerce_value(shape.member, item) for item in value]
    if shape.type_name == "map" and isinstance(value, Mapping):
        return {str(name): coerce_value(shape.value, item) for name, item in value.items()}
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
        return value  # the validation reports it
