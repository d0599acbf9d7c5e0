"""CloudFormation's evaluation of a template's rules and conditions for given parameters."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from tests.infra.resolution import Resolution
from tests.infra.templates import Template

NOTHING = {"Ref": "AWS::NoValue"}


def refusals(template: Template, pseudo: Mapping[str, str] = MappingProxyType({}), /, **given: str) -> list[str]:
    """Return the assertions of the template's rules that these parameters break; the others have their defaults.

    ``pseudo`` has values of pseudo parameters.
    """
    resolution = _resolution(template, given, pseudo)
    return [
        assertion["AssertDescription"]
        for rule in template.body["Rules"].values()
        if resolution.value(rule.get("RuleCondition", True))
        for assertion in rule["Assertions"]
        if not resolution.value(assertion["Assert"])
    ]


def effective(template: Template, value: Any, **given: str) -> Any:
    """Return a part of the template with its conditions decided and other functions left."""
    return _decided(_resolution(template, given), value)


def holds(template: Template, condition: str, **given: str) -> bool:
    """Evaluate a condition."""
    return _resolution(template, given).decides(condition)


def _resolution(
    template: Template, given: dict[str, str], pseudo: Mapping[str, str] = MappingProxyType({})
) -> Resolution:
    """Resolve with empty values for parameters without a default."""
    declared = template.body["Parameters"]
    empty = {name: "" for name, parameter in declared.items() if "Default" not in parameter}
    return Resolution(template, empty | given, lambda name, _attribute: pseudo.get(name))


def _decided(resolution: Resolution, value: Any) -> Any:
    if isinstance(value, dict) and set(value) == {"Fn::If"}:
        condition, then, otherwise = value["Fn::If"]
        return _decided(resolution, then if resolution.decides(condition) else otherwise)
    if isinstance(value, dict):
        found = {key: _decided(resolution, entry) for key, entry in value.items()}
        return {key: entry for key, entry in found.items() if entry != NOTHING}
    if isinstance(value, list):
        return [entry for entry in (_decided(resolution, each) for each in value) if entry != NOTHING]
    return value
