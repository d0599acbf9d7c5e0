"""What CloudFormation makes of a template's rules and conditions when it is given parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.infra.templates import Template

NOTHING = {"Ref": "AWS::NoValue"}
_FUNCTIONS: dict[str, Callable[[list[Any]], bool]] = {
    "Fn::Equals": lambda found: bool(found[0] == found[1]),
    "Fn::Contains": lambda found: found[1] in found[0],
    "Fn::Not": lambda found: not found[0],
    "Fn::And": all,
    "Fn::Or": any,
}


def refusals(template: Template, **given: str) -> list[str]:
    """What the template's rules say against these parameters; defaults hold for the others."""
    values = parameters(template, given)
    return [
        assertion["AssertDescription"]
        for rule in template.body["Rules"].values()
        if evaluate(rule.get("RuleCondition", True), values)
        for assertion in rule["Assertions"]
        if not evaluate(assertion["Assert"], values)
    ]


def effective(template: Template, value: Any, **given: str) -> Any:
    """A part of the template with its conditions decided: what is left is what CloudFormation resolves."""
    values = parameters(template, given)
    return _decided(template, value, values)


def holds(template: Template, condition: str, **given: str) -> bool:
    """Whether a condition is met."""
    return bool(_condition(template, condition, parameters(template, given)))


def parameters(template: Template, given: dict[str, str]) -> dict[str, str]:
    """Every parameter's value, as text."""
    declared = template.body["Parameters"]
    if unknown := given.keys() - declared.keys():
        raise KeyError(f"the template has no parameter {sorted(unknown)}")
    return {name: str(parameter.get("Default", "")) for name, parameter in declared.items()} | given


def evaluate(rule: Any, values: dict[str, str], template: Template | None = None) -> Any:
    """An intrinsic of rules or conditions. Values are compared as text, as CloudFormation does."""
    if isinstance(rule, list):
        return [evaluate(each, values, template) for each in rule]
    if not isinstance(rule, dict):
        return rule if isinstance(rule, bool) else str(rule)
    ((function, arguments),) = rule.items()
    if function == "Ref":
        return values[arguments]
    if function == "Condition" and template is not None:
        return _condition(template, arguments, values)
    return _FUNCTIONS[function](evaluate(arguments, values, template))


def _condition(template: Template, name: str, values: dict[str, str]) -> Any:
    return evaluate(template.body["Conditions"][name], values, template)


def _decided(template: Template, value: Any, values: dict[str, str]) -> Any:
    if isinstance(value, dict) and set(value) == {"Fn::If"}:
        condition, then, otherwise = value["Fn::If"]
        return _decided(template, then if _condition(template, condition, values) else otherwise, values)
    if isinstance(value, dict):
        found = {key: _decided(template, entry, values) for key, entry in value.items()}
        return {key: entry for key, entry in found.items() if entry != NOTHING}
    if isinstance(value, list):
        return [entry for entry in (_decided(template, each, values) for each in value) if entry != NOTHING]
    return value
