"""CloudFormation's resolution of a template: parameters, conditions, and the functions that can be evaluated."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.infra.templates import Template

# Returns a reference's value for a name and an attribute (empty for Ref); None keeps the reference.
Known = Callable[[str, str], Any]

_NOTHING = object()


def unknown(_name: str, _attribute: str) -> Any:
    """Know nothing of resources and pseudo parameters: references to them stay and can be read by name."""
    return None


def resolve(template: Template, given: Mapping[str, Any], known: Known = unknown) -> Template:
    """Return the template of one stack, without parameters, conditions and omitted parts.

    Args:
        template: The template, translated.
        given: Values of parameters. A parameter stays if its value is neither text nor number (a
            reference in the parent).
        known: Returns the values of references to resources and pseudo parameters.

    Raises:
        ValueError: a parameter has neither value nor default, or one is given that does not exist.
    """
    return Resolution(template, given, known).template()


class Resolution:
    """One template with values for its parameters, and the values of its functions."""

    def __init__(self, template: Template, given: Mapping[str, Any], known: Known = unknown) -> None:
        self._template = template
        self._body = template.body
        self._known = known
        declared = self._body.get("Parameters", {})
        missing = [name for name, each in declared.items() if name not in given and "Default" not in each]
        if missing or given.keys() - declared.keys():
            raise ValueError(f"{template.name}: without {missing}, unknown {sorted(given.keys() - declared.keys())}")
        self._parameters = {name: _typed(each, given.get(name, each.get("Default"))) for name, each in declared.items()}

    def template(self) -> Template:
        """Return the resources that are deployed."""
        body = {
            key: value
            for key, value in self._body.items()
            if key not in {"Conditions", "Rules", "Resources", "Outputs"}
        }
        # An unresolved value from the parent keeps its parameter, without the default.
        body["Parameters"] = {
            name: _without(each, "Default")
            for name, each in body.get("Parameters", {}).items()
            if not _plain(self._parameters[name])
        }
        body["Resources"] = {key: self._resource(each) for key, each in self._present("Resources").items()}
        body["Outputs"] = {
            key: self.value(_without(each, "Condition")) for key, each in self._present("Outputs").items()
        }
        return Template(self._template.name, {key: value for key, value in body.items() if value != {}})

    def _present(self, section: str) -> dict[str, dict[str, Any]]:
        found = self._body.get(section, {})
        return {key: each for key, each in found.items() if "Condition" not in each or self.decides(each["Condition"])}

    def _resource(self, resource: dict[str, Any]) -> dict[str, Any]:
        kept: dict[str, Any] = self.value(_without(resource, "Condition"))
        if "DependsOn" in kept:
            wanted = kept["DependsOn"] if isinstance(kept["DependsOn"], list) else [kept["DependsOn"]]
            kept["DependsOn"] = [name for name in wanted if name in self._present("Resources")]
        return kept

    def decides(self, name: str) -> bool:
        """Evaluate a condition."""
        return bool(self.value(self._body["Conditions"][name]))

    def value(self, value: Any) -> Any:
        """Return a value with its functions called, innermost first; unresolvable ones stay."""
        if isinstance(value, list):
            return [each for each in map(self.value, value) if each is not _NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name in _FUNCTIONS:
                return _FUNCTIONS[name](self, argument)
        resolved = {key: self.value(each) for key, each in value.items()}
        return {key: each for key, each in resolved.items() if each is not _NOTHING}

    def ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NOTHING
        if name in self._parameters:
            given = self._parameters[name]
            return given if _plain(given) else {"Ref": name}
        found = self._known(name, "")
        return {"Ref": name} if found is None else found

    def attribute(self, argument: Any) -> Any:
        name, _, attribute = (argument if isinstance(argument, str) else ".".join(argument)).partition(".")
        found = self._known(name, attribute)
        return {"Fn::GetAtt": [name, attribute]} if found is None else found

    def chosen(self, argument: Any) -> Any:
        condition, yes, no = argument
        return self.value(yes if self.decides(condition) else no)

    def substituted(self, argument: Any) -> Any:
        text, names = (argument, {}) if isinstance(argument, str) else argument
        left: dict[str, Any] = {}

        def replace(match: re.Match[str]) -> str:
            name = match[1]
            found = (
                self.value(names[name]) if name in names else self.attribute(name) if "." in name else self.ref(name)
            )
            if _plain(found):
                return str(found)
            if name in names:
                left[name] = found
            return match[0]

        text = re.sub(r"\$\{([^!}]+)\}", replace, text)
        if left:
            return {"Fn::Sub": [text, left]}
        return {"Fn::Sub": text} if "${" in text else text

    def selected(self, argument: Any) -> Any:
        index, choices = self.value(argument[0]), self.value(argument[1])
        return choices[int(index)] if isinstance(choices, list) and _plain(index) else {"Fn::Select": [index, choices]}

    def split(self, argument: Any) -> Any:
        text = self.value(argument[1])
        return text.split(argument[0]) if isinstance(text, str) else {"Fn::Split": [argument[0], text]}

    def joined(self, argument: Any) -> Any:
        parts = self.value(argument[1])
        if isinstance(parts, list) and all(map(_plain, parts)):
            return argument[0].join(map(str, parts))
        return {"Fn::Join": [argument[0], parts]}

    def found_in_map(self, argument: Any) -> Any:
        names = self.value(argument[:3])
        if not all(map(_plain, names)):
            return {"Fn::FindInMap": names}
        return self.value(self._body["Mappings"][names[0]][names[1]][names[2]])

    def equals(self, argument: Any) -> bool:
        # A parameter that refers to a resource in the parent is never empty.
        first, second = (str(each) for each in map(self.value, argument))
        return first == second


_FUNCTIONS: dict[str, Callable[[Resolution, Any], Any]] = {
    "Ref": Resolution.ref,
    "Fn::GetAtt": Resolution.attribute,
    "Fn::If": Resolution.chosen,
    "Fn::Sub": Resolution.substituted,
    "Fn::Select": Resolution.selected,
    "Fn::Split": Resolution.split,
    "Fn::Join": Resolution.joined,
    "Fn::FindInMap": Resolution.found_in_map,
    "Fn::Equals": Resolution.equals,
    "Fn::Not": lambda resolution, argument: not resolution.value(argument)[0],
    "Fn::And": lambda resolution, argument: all(resolution.value(argument)),
    "Fn::Contains": lambda resolution, argument: resolution.value(argument[1]) in resolution.value(argument[0]),
    "Fn::Or": lambda resolution, argument: any(resolution.value(argument)),
    # For references between conditions. A policy's Condition is never the only key.
    "Condition": lambda resolution, argument: resolution.decides(argument),
}


def _typed(parameter: dict[str, Any], value: Any) -> Any:
    if parameter["Type"] == "CommaDelimitedList" and isinstance(value, str):
        return value.split(",")
    return int(value) if parameter["Type"] == "Number" and _plain(value) and value != "" else value


def _plain(value: Any) -> bool:
    return all(map(_plain, value)) if isinstance(value, list) else isinstance(value, str | int | float)


def _without(entry: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != key}
