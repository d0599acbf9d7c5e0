"""Conditions that join a list.

``!Equals [!Join ["", !Ref Arns], ""]`` asks if a list is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tailrace_local.cloud.ministack.patching import Patch

_JOIN = "Fn::Join"
_CONDITIONS = Patch(
    "ministack.services.cloudformation.engine",
    "_evaluate_conditions(template, params)",
    corrects="MiniStack compares the text of an Fn::Join in a condition, not what it joins.",
    why="The statements for lists that a stack does not name would be there here, with an empty resource.",
    until="MiniStack evaluates Fn::Join in conditions.",
    imported_by=tuple(f"ministack.services.cloudformation.{name}" for name in ("changesets", "handlers", "stacks")),
)

Values = Mapping[str, Mapping[str, Any]]
"""Parameters by name, each with its ``Value``: a list is one text with commas."""


def join_in_conditions() -> None:
    """Have CloudFormation evaluate Fn::Join in conditions from now on."""
    _CONDITIONS.wrap(_evaluated)


def _evaluated(
    original: Callable[..., dict[str, bool]], template: Mapping[str, Any], params: Values
) -> dict[str, bool]:
    conditions = joined(template.get("Conditions", {}), params)
    return original({**template, "Conditions": conditions}, params)


def joined(value: Any, parameters: Values) -> Any:
    """Return an expression with every Fn::Join of parameters and texts replaced by its text.

    One that joins anything else stays as it is.
    """
    if isinstance(value, dict):
        if _JOIN in value:
            separator, items = value[_JOIN]
            try:
                return str(separator).join(_texts(items, parameters))
            except KeyError:
                return value
        return {name: joined(each, parameters) for name, each in value.items()}
    return [joined(each, parameters) for each in value] if isinstance(value, list) else value


def _texts(items: Any, parameters: Values) -> list[str]:
    if isinstance(items, list):
        return [text for each in items for text in ([each] if isinstance(each, str) else _texts(each, parameters))]
    return [each.strip() for each in str(parameters[items["Ref"]]["Value"]).split(",")]
