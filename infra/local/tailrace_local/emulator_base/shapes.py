"""Validates requests against botocore's model of the service, with AWS's wording.

botocore checks types and minima in the client. AWS also checks maxima, patterns and enumerations,
and reports all faults in one ValidationException.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import botocore.session
from botocore.model import ServiceModel

from tailrace_local.emulator_base.errors import ApiError, validation

_PYTHON_TYPES: dict[str, type | tuple[type, ...]] = {
    "structure": dict, "map": dict, "list": list, "string": str, "boolean": bool,
    "integer": int, "long": int, "float": (int, float), "double": (int, float), "timestamp": (int, float, str),
}  # fmt: skip
# Java's character classes, inside Python's brackets; letters and marks are a little wider here.
_JAVA_CLASSES = {
    "ASCII": r"\x00-\x7F", "Print": r"\x20-\x7E", "Alnum": "0-9A-Za-z", "L": r"\w", "M": r"\u0300-\u036F", "Z": r"\s",
    "N": r"\d", "S": r"$+<=>^`|~\u00A2-\u00BF\u2000-\u2BFF", "P": r"!-#%-*,-/:;?@\[-\]_{}\u00A1-\u00BF\u2010-\u2E7F",
}  # fmt: skip
_ANYTHING = re.compile(".*", re.DOTALL)
_CLASS = re.compile(r"\\p\{(\w+)\}")
_SET_OR_CLASS = re.compile(r"\[(?:[^\]\\]|\\.)*\]|" + _CLASS.pattern)


@lru_cache
def service_model(service: str) -> ServiceModel:
    """Return the model of a service, such as `sagemaker`, in the installed botocore."""
    return botocore.session.get_session().get_service_model(service)


def validate(operation: str, request: Any, *, service: str = "sagemaker") -> dict[str, Any]:
    """Validate `request`; return it without members that are not in the model.

    Raises:
        ApiError: a SerializationException for a wrong type, else a ValidationException that lists
            every fault.
    """
    shape = service_model(service).operation_model(operation).input_shape
    if shape is None:
        return {}
    check(shape, request)
    return {name: value for name, value in request.items() if name in shape.members and value is not None}


def check(shape: Any, value: Any) -> None:
    """Raise ApiError, as `validate` does, for a value that does not fit the shape."""
    faults = list(_faults(shape, value, ""))
    if faults:
        noun = "error" if len(faults) == 1 else "errors"
        raise validation(f"{len(faults)} validation {noun} detected: {'; '.join(faults)}")


def _faults(shape: Any, value: Any, path: str) -> Iterator[str]:
    wanted = _PYTHON_TYPES.get(shape.type_name)
    if wanted and (not isinstance(value, wanted) or (isinstance(value, bool) and shape.type_name != "boolean")):
        where = path or "the request"
        raise ApiError("SerializationException", f"{where} is {type(value).__name__}, expected {shape.type_name}")
    yield from _constraint_faults(shape, value, path)
    if shape.type_name == "structure":
        yield from _member_faults(shape, value, path)
    elif shape.type_name == "list":
        for index, item in enumerate(value, 1):
            yield from _faults(shape.member, item, f"{path}.{index}.member")
    elif shape.type_name == "map":
        for key, item in value.items():
            yield from _faults(shape.key, key, f"{path}.key")
            yield from _faults(shape.value, item, f"{path}.{key}.member")


def _member_faults(shape: Any, value: dict[str, Any], path: str) -> Iterator[str]:
    for name, member in shape.members.items():
        inner = f"{path}.{_lower_first(name)}" if path else _lower_first(name)
        if value.get(name) is not None:
            yield from _faults(member, value[name], inner)
        elif name in shape.required_members:
            yield _fault("null", inner, "Member must not be null")


def _constraint_faults(shape: Any, value: Any, path: str) -> Iterator[str]:
    limits = shape.metadata
    shown = "***" if limits.get("sensitive") else _shown(value)
    if shape.type_name == "string":
        if limits.get("enum") and value not in limits["enum"]:
            yield _fault(shown, path, f"Member must satisfy enum value set: [{', '.join(limits['enum'])}]")
        if "pattern" in limits and not compile_pattern(limits["pattern"]).fullmatch(value):
            yield _fault(shown, path, f"Member must satisfy regular expression pattern: {limits['pattern']}")
    if shape.type_name in {"string", "list", "map"}:
        yield from _range_faults(limits, len(value), "have length", shown, path)
    elif shape.type_name in {"integer", "long", "float", "double"}:
        yield from _range_faults(limits, value, "have value", shown, path)


def _range_faults(limits: dict[str, Any], size: float, verb: str, shown: str, path: str) -> Iterator[str]:
    if "min" in limits and size < limits["min"]:
        yield _fault(shown, path, f"Member must {verb} greater than or equal to {limits['min']}")
    if "max" in limits and size > limits["max"]:
        yield _fault(shown, path, f"Member must {verb} less than or equal to {limits['max']}")


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a Java pattern of the service model; one unknown to Python matches everything."""
    # The model's patterns match whole values, but some lack a `+` after a negated set: `([^/])`
    # after `://`.
    text = pattern.replace("\\z", "\\Z").replace("://([^/])/?(.*)", "://([^/]+)/?(.*)")
    try:
        return re.compile(_SET_OR_CLASS.sub(_translated, text), re.DOTALL)
    except re.error:
        return _ANYTHING


def _translated(found: re.Match[str]) -> str:
    """Translate a set that contains Java's classes, or a class outside a set."""
    translated = _CLASS.sub(lambda each: _JAVA_CLASSES[each[1]], found[0])
    return translated if found[0].startswith("[") else f"[{translated}]"


def _fault(shown: str, path: str, constraint: str) -> str:
    value = f"Value '{shown}'" if shown != "null" else "Value null"
    return f"{value} at '{path}' failed to satisfy constraint: {constraint}"


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, str | int | float) else f"[{type(value).__name__}]"


def _lower_first(name: str) -> str:
    return name[:1].lower() + name[1:]
