"""The part of metric math that templates use, over one series for each query.

Anything else is refused by name.

Beside its boolean and power operators an expression is Python's syntax (numbers, ids, arithmetic,
comparisons, calls, lists), so Python's parser reads it. Only the operations of this module are
evaluated.
"""

from __future__ import annotations

import ast
import itertools
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

Series: TypeAlias = list[float | None]
Value: TypeAlias = "float | Series | list[Series] | None"


class ExpressionError(ValueError):
    """An expression that cannot be evaluated here. The message quotes it and the place."""


_ARITHMETIC: dict[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_COMPARISONS: dict[type[ast.AST], Callable[[float, float], bool]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_LOGIC: dict[type[ast.AST], Callable[[float, float], bool]] = {
    ast.And: lambda left, right: bool(left and right),
    ast.Or: lambda left, right: bool(left or right),
}
_AGGREGATES: dict[str, Callable[[Sequence[float]], float]] = {
    "SUM": sum,
    "MAX": max,
    "MIN": min,
    "AVG": lambda values: sum(values) / len(values),
}
_ROUNDINGS: dict[str, Callable[[float], float]] = {"ABS": abs, "CEIL": math.ceil, "FLOOR": math.floor}
_PYTHON = {"&&": " and ", "||": " or ", "AND": " and ", "OR": " or ", "^": "**"}
_TRANSLATED = re.compile(r"\"[^\"]*\"|'[^']*'|&&|\|\||\bAND\b|\bOR\b|\^")
# Operators of Python that metric math does not have.
_FOREIGN = re.compile(r"\*\*|//|\band\b|\bor\b|\bnot\b")


def evaluate(expression: str, series: Mapping[str, Series], *, metrics: Mapping[str, Series] | None = None) -> Series:
    """Evaluate an expression to a series.

    Args:
        expression: metric math.
        series: the series that the expression may name, by their ids; all of the same length.
        metrics: the series that METRICS() returns, which are not expressions; by default all of
            `series`.

    Raises:
        ExpressionError: a function, an operator or an id is unknown.
    """
    known = series if metrics is None else metrics
    periods = len(next(iter(known.values()))) if known else 0
    found = _Evaluation(expression, series, known, periods).value(_parsed(expression))
    if not isinstance(found, list):
        return [found] * periods
    if found and isinstance(found[0], list):
        raise ExpressionError(f"metric math {expression!r} gives several series, an alarm watches one")
    return found  # type: ignore[return-value]  # a list of series was refused above


def _parsed(expression: str) -> ast.expr:
    if foreign := _FOREIGN.search(expression):
        raise ExpressionError(f"metric math {expression!r}: {foreign[0]!r} is no operator of metric math")
    text = _TRANSLATED.sub(lambda found: _PYTHON.get(found[0], found[0]), expression.strip())
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError as exc:
        raise ExpressionError(f"metric math {expression!r}: {exc.msg} at {exc.offset}") from exc


class _Evaluation:
    def __init__(
        self, expression: str, series: Mapping[str, Series], metrics: Mapping[str, Series], periods: int
    ) -> None:
        self._expression = expression
        self._series = series
        self._metrics = metrics
        self._periods = periods

    def value(self, node: ast.AST) -> Value:
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return float(number)
            case ast.Name(id=name) if name in self._series:
                return self._series[name]
            case ast.List(elts=elements):
                return [self._long(element) for element in elements]
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name, arguments)
        return self._operation(node)

    def _operation(self, node: ast.AST) -> float | Series | None:
        match node:
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._each(operator.sub, 0.0, self._single(operand))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return self._each(_ARITHMETIC[type(op)], self._single(left), self._single(right))
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARISONS:
                return self._each(_COMPARISONS[type(op)], self._single(left), self._single(right))
            case ast.BoolOp(op=op, values=[first, *others]):
                found = self._single(first)
                for other in others:
                    found = self._each(_LOGIC[type(op)], found, self._single(other))
                return found
        raise self._refuse(node)

    def _call(self, name: str, arguments: list[ast.expr]) -> Value:
        match name, arguments:
            case "METRICS", ([] | [ast.Constant(value=str())]):
                return self._among([str(each.value) for each in arguments if isinstance(each, ast.Constant)])
            case "IF", [condition, then, otherwise]:
                return self._choose(self._long(condition), self._long(then), self._long(otherwise))
            case "FILL", [filled, filler]:
                return self._fill(self._long(filled), filler)
            case (("ABS" | "CEIL" | "FLOOR"), [argument]):
                return [None if found is None else float(_ROUNDINGS[name](found)) for found in self._long(argument)]
            case (("SUM" | "MAX" | "MIN" | "AVG"), [argument]):
                return self._aggregate(_AGGREGATES[name], self.value(argument))
        raise ExpressionError(
            f"metric math {self._expression!r}: {name}() with {len(arguments)} arguments is not evaluated here"
        )

    def _among(self, parts: list[str]) -> list[Series]:
        """Return the metrics whose ids contain the parts."""
        return [series for id_, series in self._metrics.items() if all(part in id_ for part in parts)]

    def _fill(self, series: Series, filler: ast.expr) -> Series:
        match filler:
            case ast.Name(id="REPEAT"):
                return _repeated(series)
            case ast.Name(id="LINEAR"):
                return _interpolated(series)
        pairs = zip(series, self._long(filler), strict=True)
        return [found if found is not None else instead for found, instead in pairs]

    def _aggregate(self, function: Callable[[Sequence[float]], float], value: Value) -> Value:
        """Aggregate the series of a list period by period, or all periods of one series."""
        if not isinstance(value, list):
            return value
        if not value or not isinstance(value[0], list):
            known = [each for each in value if isinstance(each, float)]
            return function(known) if known else None
        columns = zip(*value, strict=True)
        known_by_period = ([each for each in column if each is not None] for column in columns)
        return [function(known) if known else None for known in known_by_period]

    def _choose(self, condition: Series, then: Series, otherwise: Series) -> Series:
        chosen = zip(condition, then, otherwise, strict=True)
        return [None if test is None else (yes if test else no) for test, yes, no in chosen]

    def _each(
        self, function: Callable[[float, float], Any], left: float | Series | None, right: float | Series | None
    ) -> float | Series | None:
        if not isinstance(left, list) and not isinstance(right, list):
            return _apply(function, left, right)
        pairs = zip(self._broadcast(left), self._broadcast(right), strict=True)
        return [_apply(function, a, b) for a, b in pairs]

    def _single(self, node: ast.AST) -> float | Series | None:
        found = self.value(node)
        if isinstance(found, list) and found and isinstance(found[0], list):
            raise self._refuse(node)
        return found  # type: ignore[return-value]  # several series were refused above

    def _long(self, node: ast.AST) -> Series:
        return self._broadcast(self._single(node))

    def _broadcast(self, value: float | Series | None) -> Series:
        return value if isinstance(value, list) else [value] * self._periods

    def _refuse(self, node: ast.AST) -> ExpressionError:
        place = ast.unparse(node)
        return ExpressionError(f"metric math {self._expression!r}: {place!r} is not evaluated here")


def _apply(function: Callable[[float, float], Any], left: float | None, right: float | None) -> float | None:
    """Apply a function.

    None where a datapoint is missing or the result is undefined, as in CloudWatch.
    """
    if left is None or right is None:
        return None
    try:
        found = function(left, right)
    except (ZeroDivisionError, OverflowError):
        return None
    return None if isinstance(found, complex) else float(found)


def _repeated(series: Series) -> Series:
    filled: Series = []
    for found in series:
        filled.append(found if found is not None or not filled else filled[-1])
    return filled


def _interpolated(series: Series) -> Series:
    """Interpolate between datapoints. Gaps at the ends stay."""
    known = [position for position, found in enumerate(series) if found is not None]
    filled = list(series)
    for before, after in itertools.pairwise(known):
        first, last = float(series[before] or 0.0), float(series[after] or 0.0)
        for position in range(before + 1, after):
            filled[position] = first + (last - first) * (position - before) / (after - before)
    return filled
