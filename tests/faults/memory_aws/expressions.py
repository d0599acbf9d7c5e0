"""DynamoDB's condition, key and update expressions: the subset in use, all else is an error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

Item = dict[str, dict[str, Any]]

_TOKEN = re.compile(r"\s*(<=|>=|<>|[=<>(),]|[#:]?\w+)")
_CLAUSES = frozenset({"SET", "REMOVE", "ADD"})
_FIELDS = ("ConditionExpression", "UpdateExpression", "KeyConditionExpression")


class ExpressionError(Exception):
    """An expression that the service would answer with ValidationException."""


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
def _asked(texts: tuple[str, ...]) -> frozenset[str]:
    """Return the names and values that expressions use."""
    return frozenset(token for text in texts for token in _tokens(text) if token[0] in "#:")


class Names:
    """Names and values of a request's expressions; those given and those used must be equal."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        self._names: Mapping[str, str] = request.get("ExpressionAttributeNames", {})
        self._values: Mapping[str, dict[str, Any]] = request.get("ExpressionAttributeValues", {})
        asked = _asked(tuple(request.get(field, "") for field in _FIELDS))
        given = self._names.keys() | self._values.keys()
        if given != asked or request.get("ExpressionAttributeValues") == {} or None in self._values.values():
            raise ExpressionError(f"given {sorted(given)}, used {sorted(asked)}")

    def path(self, token: str) -> str:
        return self._names[token] if token.startswith("#") else token

    def operand(self, token: str, item: Item) -> dict[str, Any] | None:
        return self._values[token] if token.startswith(":") else item.get(self.path(token))


def plain(typed: dict[str, Any] | None) -> Any:
    """Return a typed value's comparable form; it compares only with its own type."""
    if typed is None:
        return None
    ((kind, value),) = typed.items()
    return float(value) if kind == "N" else value


class _Reader:
    def __init__(self, text: str, names: Names, item: Item) -> None:
        self._left = list(reversed(_tokens(text)))
        self._names = names
        self._item = item

    def peek(self) -> str:
        return self._left[-1] if self._left else ""

    def take(self, *expected: str) -> str:
        token = self._left.pop() if self._left else ""
        if not token or (expected and token not in expected):
            raise ExpressionError(f"{token!r} where {expected} was expected")
        return token

    def condition(self) -> bool:
        value = self._conjunction()
        while self.peek() == "OR":
            self.take()
            other = self._conjunction()
            value = value or other
        return value

    def end(self) -> None:
        if self._left:
            raise ExpressionError(f"unexpected {self.peek()!r}")

    def _conjunction(self) -> bool:
        value = self._term()
        while self.peek() == "AND":
            self.take()
            other = self._term()
            value = value and other
        return value

    def _term(self) -> bool:
        token = self.take()
        if token == "(":
            value = self.condition()
            self.take(")")
            return value
        if token in {"attribute_exists", "attribute_not_exists", "begins_with"}:
            return self._function(token)
        return self._comparison(self._names.operand(token, self._item))

    def _function(self, name: str) -> bool:
        self.take("(")
        first = self._names.operand(self.take(), self._item)
        if name == "begins_with":
            self.take(",")
            second = plain(self._names.operand(self.take(), self._item))
            self.take(")")
            return isinstance(plain(first), str) and plain(first).startswith(second)
        self.take(")")
        return (first is not None) == (name == "attribute_exists")

    def _comparison(self, left: dict[str, Any] | None) -> bool:
        operator = self.take("=", "<=", ">=", "<", ">", "<>", "IN", "BETWEEN")
        if operator == "BETWEEN":
            low = self._names.operand(self.take(), self._item)
            self.take("AND")
            high = self._names.operand(self.take(), self._item)
            return _ordered(low, left) and _ordered(left, high)
        if operator == "IN":
            self.take("(")
            options = [self._names.operand(self.take(), self._item)]
            while self.take(",", ")") == ",":
                options.append(self._names.operand(self.take(), self._item))
            return left is not None and any(_equal(left, each) for each in options)
        right = self._names.operand(self.take(), self._item)
        if left is None or right is None:
            return operator == "<>"
        if operator in {"=", "<>"}:
            return _equal(left, right) == (operator == "=")
        if operator in {"<=", ">="}:
            return _ordered(left, right) if operator == "<=" else _ordered(right, left)
        strictly = _ordered(left, right) if operator == "<" else _ordered(right, left)
        return strictly and not _equal(left, right)


def _ordered(one: dict[str, Any] | None, other: dict[str, Any] | None) -> bool:
    """Tell whether ``one`` is at most ``other``; false for values of two types."""
    if one is None or other is None or one.keys() != other.keys():
        return False
    return bool(plain(one) <= plain(other))


def _equal(one: dict[str, Any], other: dict[str, Any] | None) -> bool:
    return other is not None and one.keys() == other.keys() and plain(one) == plain(other)


def holds(request: Mapping[str, Any], item: Item | None, field: str = "ConditionExpression") -> bool:
    """Tell whether the request's condition holds for the item, which may not exist."""
    text = request.get(field)
    names = Names(request)
    if text is None:
        return True
    reader = _Reader(text, names, item or {})
    value = reader.condition()
    reader.end()
    return value


def updated(request: Mapping[str, Any], item: Item) -> Item:
    """Return the item after the request's UpdateExpression."""
    names = Names(request)
    result = dict(item)
    clause = ""
    tokens = list(reversed(_tokens(request["UpdateExpression"])))
    while tokens:
        token = tokens.pop()
        if token in _CLAUSES:
            clause = token
        elif token != ",":
            _apply(clause, names.path(token), tokens, names, item, result)
    return result


def _apply(clause: str, path: str, tokens: list[str], names: Names, item: Item, result: Item) -> None:
    if clause == "REMOVE":
        result.pop(path, None)
        return
    if clause == "SET" and tokens.pop() != "=":
        raise ExpressionError(f"SET {path} without =")
    value = _operand(tokens, names, item) if clause in {"SET", "ADD"} else None
    if value is None:
        raise ExpressionError(f"{clause or 'no clause'} {path} without a value")
    if clause == "ADD":
        before = item.get(path, {"N": "0"})
        value = {"N": str(_number(before["N"]) + _number(value["N"]))}
    result[path] = value


def _operand(tokens: list[str], names: Names, item: Item) -> dict[str, Any] | None:
    token = tokens.pop()
    if token != "if_not_exists":
        return names.operand(token, item)
    opening, path, comma, token, closing = (tokens.pop() for _ in range(5))
    if (opening, comma, closing) != ("(", ",", ")"):
        raise ExpressionError(f"if_not_exists{opening}{path}{comma}{token}{closing}")
    return item.get(names.path(path)) or names.operand(token, item)


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("-").isdigit() else float(text)
