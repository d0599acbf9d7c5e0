"""Metric math: the part of it that templates use, over one series a query. Anything else is refused by name.

An expression is Python's syntax as far as it goes (numbers, ids, arithmetic, comparisons, calls, lists), so Python's
parser reads it; nothing is evaluated but what stands here.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

Series: TypeAlias = list[float | None]
Value: TypeAlias = "float | Series | list[Series]"


class ExpressionError(ValueError):
    """An expression that cannot be evaluated here; the message holds it and the place."""


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
_AGGREGATES: dict[str, Callable[[Sequence[float]], float]] = {
    "SUM": sum,
    "MAX": max,
    "MIN": min,
    "AVG": lambda values: sum(values) / len(values),
}
_ROUNDINGS: dict[str, Callable[[float], float]] = {"ABS": abs, "CEIL": math.ceil, "FLOOR": math.floor}


def evaluate(expression: str, series: Mapping[str, Series]) -> Series:
    """The expression's series. All of ``series`` have the same length.

    Raises:
        ExpressionError: a function, an operator or an id that is not known here.
    """
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except SyntaxError as exc:
        raise ExpressionError(f"metric math {expression!r}: {exc.msg} at {exc.offset}") from exc
    periods = len(next(iter(series.values()))) if series else 0
    found = _Evaluation(expression, series, periods).value(tree.body)
    if isinstance(found, float):
        return [found] * periods
    if found and isinstance(found[0], list):
        raise ExpressionError(f"metric math {expression!r} gives several series, an alarm watches one")
    return found  # type: ignore[return-value]  # a list of series was refused above


class _Evaluation:
    def __init__(self, expression: str, series: Mapping[str, Series], periods: int) -> None:
        self._expression = expression
        self._series = series
        self._periods = periods

    def value(self, node: ast.AST) -> Value:
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return float(number)
            case ast.Name(id=name) if name in self._series:
                return self._series[name]
            case ast.List(elts=elements):
                return [self._long(self._single(element)) for element in elements]
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name, arguments)
        return self._operation(node)

    def _operation(self, node: ast.AST) -> float | Series:
        match node:
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._each(operator.sub, 0.0, self._single(operand))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return self._each(_ARITHMETIC[type(op)], self._single(left), self._single(right))
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARISONS:
                return self._each(_COMPARISONS[type(op)], self._single(left), self._single(right))
        raise self._refuse(node)

    def _call(self, name: str, arguments: list[ast.expr]) -> Value:
        match name, arguments:
            case "METRICS", []:
                return list(self._series.values())
            case ("IF", [condition, then, otherwise]):
                return self._choose(*(self._long(self._single(each)) for each in (condition, then, otherwise)))
            case "FILL", [filled, filler]:
                return self._fill(self._long(self._single(filled)), filler)
            case (("ABS" | "CEIL" | "FLOOR"), [argument]):
                series = self._long(self._single(argument))
                return [None if found is None else float(_ROUNDINGS[name](found)) for found in series]
            case (("SUM" | "MAX" | "MIN" | "AVG") as aggregate, [argument]):
                return self._aggregate(_AGGREGATES[aggregate], self.value(argument))
        raise ExpressionError(f"metric math {self._expression!r}: {name}() is not evaluated here")

    def _aggregate(self, function: Callable[[Sequence[float]], float], value: Value) -> Value:
        """Over the series of a list, period by period; over one series, all of its periods."""
        if isinstance(value, float):
            return value
        if not value or not isinstance(value[0], list):
            known = [each for each in value if isinstance(each, float)]
            return [function(known) if known else None] * self._periods
        columns = zip(*value, strict=True)
        known_by_period = ([each for each in column if each is not None] for column in columns)
        return [function(known) if known else None for known in known_by_period]

    def _choose(self, condition: Series, then: Series, otherwise: Series) -> Series:
        chosen = zip(condition, then, otherwise, strict=True)
        return [None if test is None else (yes if test else no) for test, yes, no in chosen]

    def _fill(self, series: Series, filler: ast.expr) -> Series:
        if isinstance(filler, ast.Name) and filler.id == "REPEAT":
            return _repeated(series)
        value = self._single(filler)
        other = self._long(value)
        return [found if found is not None else instead for found, instead in zip(series, other, strict=True)]

    def _each(
        self, function: Callable[[float, float], Any], left: float | Series, right: float | Series
    ) -> float | Series:
        if isinstance(left, float) and isinstance(right, float):
            return self._apply(function, left, right) or 0.0
        pairs = zip(self._long(left), self._long(right), strict=True)
        return [None if a is None or b is None else self._apply(function, a, b) for a, b in pairs]

    @staticmethod
    def _apply(function: Callable[[float, float], Any], left: float, right: float) -> float | None:
        try:
            return float(function(left, right))
        except ZeroDivisionError:
            return None  # no datapoint, as in CloudWatch

    def _single(self, node: ast.AST) -> float | Series:
        found = self.value(node)
        if isinstance(found, list) and found and isinstance(found[0], list):
            raise self._refuse(node)
        return found  # type: ignore[return-value]  # several series were refused above

    def _long(self, value: float | Series) -> Series:
        return value if isinstance(value, list) else [value] * self._periods

    def _refuse(self, node: ast.AST) -> ExpressionError:
        place = ast.unparse(node)
        return ExpressionError(f"metric math {self._expression!r}: {place!r} is not evaluated here")


def _repeated(series: Series) -> Series:
    filled: Series = []
    for found in series:
        filled.append(found if found is not None or not filled else filled[-1])
    return filled
