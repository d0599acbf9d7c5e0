"""The series of an alarm's queries. Expressions may be in any order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tailrace_local.cloudwatch.alarm import Query
from tailrace_local.cloudwatch.expressions import ExpressionError, Series, evaluate


class QueryResults(Mapping[str, Series]):
    """Series by id. An expression is evaluated once, when its series is first read.

    Reading raises ExpressionError for an expression that depends on itself.
    """

    def __init__(self, queries: Sequence[Query], metrics: Mapping[str, Series]) -> None:
        self._expressions = {query.id: query.expression for query in queries if query.stat is None}
        self._metrics = metrics
        self._known = dict(metrics)
        self._evaluating: list[str] = []

    def __getitem__(self, id_: str) -> Series:
        if id_ in self._known:
            return self._known[id_]
        expression = self._expressions[id_]
        if id_ in self._evaluating:
            raise ExpressionError(
                f"metric math {expression!r} depends on itself: {' -> '.join([*self._evaluating, id_])}"
            )
        self._evaluating.append(id_)
        try:
            self._known[id_] = evaluate(expression, self, metrics=self._metrics)
        finally:
            self._evaluating.pop()
        return self._known[id_]

    def __contains__(self, id_: object) -> bool:
        return id_ in self._known or id_ in self._expressions

    def __iter__(self) -> Iterator[str]:
        return iter({**self._metrics, **self._expressions})

    def __len__(self) -> int:
        return len({**self._metrics, **self._expressions})
