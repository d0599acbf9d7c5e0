"""IAM's evaluation of policies, as far as the template uses it: what it does not know it refuses to judge.

Source of the rules: AWS's "Policy evaluation logic" and "IAM JSON policy elements: Condition
operators".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

Statement = Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """A request: caller, action and resource. ``context`` holds the request's condition keys in lower case."""

    principal: str
    action: str
    resource: str
    context: Mapping[str, Any] = field(default_factory=dict)


def as_list(value: Any) -> list[Any]:
    """Return a list: IAM accepts one value or several."""
    return value if isinstance(value, list) else [value]


def matches(statement: Statement, request: Request) -> bool:
    """Return true if a statement matches the request, apart from its principal.

    Raises:
        ValueError: it has an element or a condition that this evaluator does not know.
    """
    unknown = statement.keys() - {"Sid", "Effect", "Action", "Resource", "Condition", "Principal"}
    if unknown:
        raise ValueError(f"{statement.get('Sid')}: {sorted(unknown)} cannot be judged here")
    return (
        any(_like(pattern.lower(), request.action.lower()) for pattern in as_list(statement["Action"]))
        and any(_like(pattern, request.resource) for pattern in as_list(statement["Resource"]))
        and _met(statement.get("Condition", {}), request)
    )


def identity_allows(statements: Iterable[Statement], request: Request) -> bool:
    """Return true if identity policies alone allow the request."""
    return decide(statements, (), request)


def decide(identity: Iterable[Statement], resource: Sequence[Statement], request: Request) -> bool:
    """Return true if the caller's and the resource's policies allow a request within the account.

    A resource's Allow for a service is for that service: it lets no identity in.
    """
    about = [statement for statement in resource if _names(statement["Principal"], request.principal)]
    applying = [statement for statement in (*identity, *about) if matches(statement, request)]
    effects = {statement["Effect"] for statement in applying}
    return effects == {"Allow"}


def _names(principal: Any, caller: str) -> bool:
    if principal == "*":
        return True
    if set(principal) == {"Service"}:
        return caller in as_list(principal["Service"])
    # A key policy that names the account delegates the decision to the account's identity policies.
    if set(principal) == {"AWS"} and str(principal["AWS"]).endswith(":root"):
        return False
    raise ValueError(f"the principal {principal} cannot be judged here")


def _like(pattern: str, value: str) -> bool:
    return _expression(pattern).fullmatch(value) is not None


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(letter, re.escape(letter)) for letter in pattern), re.DOTALL)


def _any(test: Callable[[str, str], bool]) -> Callable[[list[str], str | None], bool]:
    return lambda expected, actual: actual is not None and any(test(each, actual) for each in expected)


def _none(test: Callable[[str, str], bool]) -> Callable[[list[str], str | None], bool]:
    # A condition key that the request lacks satisfies a negated condition.
    return lambda expected, actual: actual is None or not any(test(each, actual) for each in expected)


def _same_truth(expected: str, actual: str) -> bool:
    return expected.lower() == actual.lower()


_OPERATORS: dict[str, Callable[[list[str], str | None], bool]] = {
    "StringEquals": _any(str.__eq__),
    "StringNotEquals": _none(str.__eq__),
    "Null": lambda expected, actual: (actual is None) == (expected == ["true"]),
    "StringLike": _any(_like),
    "ArnEquals": _any(_like),
    "ArnLike": _any(_like),
    "ArnNotEquals": _none(_like),
    "Bool": _any(_same_truth),
    "BoolIfExists": lambda expected, actual: actual is None or _any(_same_truth)(expected, actual),
}


def _met(conditions: Mapping[str, Mapping[str, Any]], request: Request) -> bool:
    for operator, keys in conditions.items():
        if operator not in _OPERATORS:
            raise ValueError(f"the condition operator {operator} cannot be judged here")
        for key, expected in keys.items():
            actual = _value(key.lower(), request)
            if not _OPERATORS[operator]([str(each) for each in as_list(expected)], actual):
                return False
    return True


def _value(key: str, request: Request) -> str | None:
    if key == "aws:principalarn":
        return request.principal
    if key == "aws:securetransport":
        return str(request.context.get(key, "true"))
    found = request.context.get(key)
    return None if found is None else str(found)
