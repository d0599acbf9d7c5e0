"""DynamoDB's condition, key and update expressions: the subset in use, all else is an error.

The fault suites run millions of a few hundred texts, so each text is compiled once.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

Item = dict[str, dict[str, Any]]
Scope = tuple[Mapping[str, str], Mapping[str, dict[str, Any]], Item]
"""The names and values of a request, and the item."""
Operand = Callable[[Scope], dict[str, Any] | None]
Condition = Callable[[Scope], bool]
Change = Callable[[Scope, Item], None]

_TOKEN = re.compile(r"\s*(<=|>=|<>|[=<>(),]|[#:]?\w+)")
_CLAUSES = frozenset({"SET", "REMOVE", "ADD"})
_FIELDS = ("ConditionExpression", "UpdateExpression", "KeyConditionExpression")
_NONE: Mapping[str, Any] = {}


class ExpressionError(Exception):
    """An expression that the service would answer with ValidationException."""


def holds(request: Mapping[str, Any], item: Item | None, field: str = "ConditionExpression") -> bool:
    """Tell whether the request's condition holds for the item, which may not exist."""
    text = request.get(field)
    scope = _scope(request, item or {})
    return text is None or _condition(text)(scope)


def updated(request: Mapping[str, Any], item: Item) -> Item:
    """Return the item after the request's UpdateExpression."""
    scope = _scope(request, item)
    result = dict(item)
    for change in _changes(request["UpdateExpression"]):
        change(scope, result)
    return result


def plain(typed: dict[str, Any] | None) -> Any:
    """Return a typed value's comparable form; it compares only with its own type."""
    if typed is None:
        return None
    ((kind, value),) = typed.items()
    return float(value) if kind == "N" else value


def _scope(request: Mapping[str, Any], item: Item) -> Scope:
    names = request.get("ExpressionAttributeNames", _NONE)
    values = request.get("ExpressionAttributeValues", _NONE)
    asked = _asked(tuple(request.get(field, "") for field in _FIELDS))
    if (
        names.keys() | values.keys() != asked
        or request.get("ExpressionAttributeValues") == {}
        or None in values.values()
    ):
        raise ExpressionError(f"given {sorted(names.keys() | values.keys())}, used {sorted(asked)}")
    return names, values, item


@lru_cache(maxsize=4096)
def _asked(texts: tuple[str, ...]) -> frozenset[str]:
    """Return the names and values that expressions use; those given and those used must be equal."""
    return frozenset(token for text in texts for token in _tokens(text) if token[0] in "#:")


@lru_cache(maxsize=4096)
def _tokens(text: str) -> tuple[str, ...]:
    found, at = [], 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ExpressionError(f"syntax: {text[at:]!r}")
        found.append(match[1])
        at = match.end()
    return tuple(found)


@lru_cache(maxsize=4096)
def _condition(text: str) -> Condition:
    reader = _Reader(text)
    found = reader.condition()
    reader.end()
    return found


@lru_cache(maxsize=4096)
def _changes(text: str) -> tuple[Change, ...]:
    reader, clause, found = _Reader(text), "", []
    while token := reader.peek():
        reader.take()
        if token in _CLAUSES:
            clause = token
        elif token != ",":
            found.append(reader.change(clause, token))
    return tuple(found)


class _Reader:
    """Compiler of one text."""

    def __init__(self, text: str) -> None:
        self._left = list(reversed(_tokens(text)))

    def peek(self) -> str:
        return self._left[-1] if self._left else ""

    def take(self, *expected: str) -> str:
        token = self._left.pop() if self._left else ""
        if not token or (expected and token not in expected):
            raise ExpressionError(f"{token!r} where {expected} was expected")
        return token

    def end(self) -> None:
        if self._left:
            raise ExpressionError(f"unexpected {self.peek()!r}")

    def condition(self) -> Condition:
        options = [self._conjunction()]
        while self.peek() == "OR":
            self.take()
            options.append(self._conjunction())
        return options[0] if len(options) == 1 else lambda scope: any(each(scope) for each in options)

    def change(self, clause: str, token: str) -> Change:
        """Compile what a clause does to the path named by ``token``."""
        if clause == "REMOVE":
            return lambda scope, result: _removed(result, _path(scope, token))
        if clause == "SET":
            self.take("=")
            value = self._operand()
            return lambda scope, result: _set(result, _path(scope, token), value(scope))
        if clause == "ADD":
            value = self._operand()
            return lambda scope, result: _add(result, _path(scope, token), scope[2], value(scope))
        raise ExpressionError(f"no clause {token}")

    def _conjunction(self) -> Condition:
        terms = [self._term()]
        while self.peek() == "AND":
            self.take()
            terms.append(self._term())
        return terms[0] if len(terms) == 1 else lambda scope: all(each(scope) for each in terms)

    def _term(self) -> Condition:
        token = self.take()
        if token == "(":
            value = self.condition()
            self.take(")")
            return value
        if token in {"attribute_exists", "attribute_not_exists", "begins_with"}:
            return self._function(token)
        return self._comparison(_operand(token))

    def _function(self, name: str) -> Condition:
        self.take("(")
        first = _operand(self.take())
        if name == "begins_with":
            self.take(",")
            second = _operand(self.take())
            self.take(")")
            return lambda scope: _begins(plain(first(scope)), plain(second(scope)))
        self.take(")")
        if name == "attribute_exists":
            return lambda scope: first(scope) is not None
        return lambda scope: first(scope) is None

    def _comparison(self, left: Operand) -> Condition:
        sign = self.take("=", "<=", ">=", "<", ">", "<>", "IN", "BETWEEN")
        if sign == "BETWEEN":
            low = _operand(self.take())
            self.take("AND")
            high = _operand(self.take())
            return lambda scope: (
                _compared(operator.le, low(scope), found := left(scope)) and _compared(operator.le, found, high(scope))
            )
        if sign == "IN":
            self.take("(")
            options = [_operand(self.take())]
            while self.take(",", ")") == ",":
                options.append(_operand(self.take()))
            return lambda scope: any(_compared(operator.eq, left(scope), each(scope)) for each in options)
        right = _operand(self.take())
        if sign == "<>":
            return lambda scope: not _compared(operator.eq, left(scope), right(scope))
        compare = _COMPARISONS[sign]
        return lambda scope: _compared(compare, left(scope), right(scope))

    def _operand(self) -> Operand:
        token = self.take()
        if token not in {"if_not_exists", "list_append"}:
            return _operand(token)
        self.take("(")
        if token == "list_append":
            first = self._operand()
            self.take(",")
            second = self._operand()
            self.take(")")
            return lambda scope: _joined(first(scope), second(scope))
        path = _operand(self.take())
        self.take(",")
        value = _operand(self.take())
        self.take(")")
        return lambda scope: path(scope) or value(scope)


_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


def _joined(first: dict[str, Any] | None, second: dict[str, Any] | None) -> dict[str, Any]:
    if first is None or second is None:
        raise ExpressionError("list_append of what is not there")
    return {"L": [*first["L"], *second["L"]]}


def _path(scope: Scope, token: str) -> str:
    return scope[0][token] if token[0] == "#" else token


def _operand(token: str) -> Operand:
    if token[0] == ":":
        return lambda scope: scope[1][token]
    if token[0] == "#":
        return lambda scope: scope[2].get(scope[0][token])
    return lambda scope: scope[2].get(token)


def _compared(compare: Callable[[Any, Any], bool], one: dict[str, Any] | None, other: dict[str, Any] | None) -> bool:
    """Compare two values; false for values of two types, and if one does not exist."""
    if one is None or other is None or one.keys() != other.keys():
        return False
    return compare(plain(one), plain(other))


def _begins(text: Any, start: Any) -> bool:
    return isinstance(text, str) and text.startswith(start)


def _removed(result: Item, path: str) -> None:
    result.pop(path, None)


def _set(result: Item, path: str, value: dict[str, Any] | None) -> None:
    if value is None:
        raise ExpressionError(f"SET {path} without a value")
    result[path] = value


def _add(result: Item, path: str, item: Item, value: dict[str, Any] | None) -> None:
    if value is None:
        raise ExpressionError(f"ADD {path} without a value")
    before = item.get(path, {"N": "0"})
    result[path] = {"N": str(_number(before["N"]) + _number(value["N"]))}


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("-").isdigit() else float(text)
