"""AWS's query protocol: reads forms and writes XML by the shapes of a service."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from tailrace_local.emulator_base.coercion import coerce_value
from tailrace_local.emulator_base.shapes import service_model

_INDEX = re.compile(r"(\d+)(?:\.(.*))?")


def read_form(service: str, body: bytes) -> tuple[str, dict[str, Any]]:
    """Read the operation and its request, each value in the type of its shape.

    Drops unknown parameters.
    """
    form = {name: values[0] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
    operation = form.get("Action", "")
    model = service_model(service)
    if operation not in model.operation_names:
        return operation, {}
    shape = model.operation_model(operation).input_shape
    request: dict[str, Any] = {} if shape is None else coerce_value(shape, _structure(shape, form))
    return operation, request


def write_xml(service: str, operation: str, answer: Mapping[str, Any]) -> bytes:
    """Write the answer as the query protocol's XML."""
    model = service_model(service)
    shape = model.operation_model(operation).output_shape
    result = ""
    if shape is not None:
        result = f"<{operation}Result>{_members(shape, answer)}</{operation}Result>"
    namespace = model.metadata.get("xmlNamespace", f"http://monitoring.amazonaws.com/doc/{model.api_version}/")
    return (
        f'<{operation}Response xmlns="{namespace}">{result}'
        f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></{operation}Response>"
    ).encode()


def _value(shape: Any, form: Mapping[str, str], name: str) -> Any:
    """Read the value of a member; None if the form does not have it."""
    inner = {key[len(name) + 1 :]: text for key, text in form.items() if key.startswith(f"{name}.")}
    if shape.type_name == "structure":
        return _structure(shape, inner) if inner else None
    if shape.type_name == "list":
        wrapped = {key.removeprefix("member."): text for key, text in inner.items() if key.startswith("member.")}
        numbers = sorted({int(found[1]) for key in wrapped if (found := _INDEX.fullmatch(key))})
        if not numbers:
            return [] if name in form else None
        return [_value(shape.member, wrapped, str(number)) for number in numbers]
    return form.get(name)


def _structure(shape: Any, form: Mapping[str, str]) -> dict[str, Any]:
    found = {name: _value(member, form, name) for name, member in shape.members.items()}
    return {name: value for name, value in found.items() if value is not None}


def _members(shape: Any, value: Mapping[str, Any]) -> str:
    return "".join(
        f"<{name}>{_written(member, value[name])}</{name}>"
        for name, member in shape.members.items()
        if value.get(name) is not None
    )


def _written(shape: Any, value: Any) -> str:
    match shape.type_name:
        case "structure":
            return _members(shape, value)
        case "list":
            return "".join(f"<member>{_written(shape.member, item)}</member>" for item in value)
        case "map":
            return "".join(
                f"<entry><key>{escape(str(key))}</key><value>{_written(shape.value, item)}</value></entry>"
                for key, item in value.items()
            )
        case "timestamp":
            return value if isinstance(value, str) else _timestamp(value)
        case "boolean":
            return str(bool(value)).lower()
    return escape(str(value))


def _timestamp(seconds: float) -> str:
    """Format seconds since the epoch as the protocol does."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
