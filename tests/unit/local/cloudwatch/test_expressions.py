from __future__ import annotations

import pytest

from tailrace_local.cloudwatch.expressions import ExpressionError, Series, evaluate

SERIES: dict[str, Series] = {"errors": [1.0, None, 0.0, 4.0], "calls": [10.0, 5.0, 0.0, None]}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("errors", [1.0, None, 0.0, 4.0]),
        ("100 * errors / calls", [10.0, None, None, None]),
        ("FILL(errors, 0) / FILL(calls, 1)", [0.1, 0.0, None, 4.0]),
        ("FILL(errors, REPEAT)", [1.0, 1.0, 0.0, 4.0]),
        ("IF(FILL(errors, 0) > 0, 1, 0)", [1.0, 0.0, 0.0, 1.0]),
        ("MAX([errors, calls])", [10.0, 5.0, 0.0, 4.0]),
        ("SUM(METRICS())", [11.0, 5.0, 0.0, 4.0]),
        ("SUM(errors)", [5.0, 5.0, 5.0, 5.0]),
        ("-errors + 2 ^ 3", [7.0, None, 8.0, 4.0]),
        ("FILL(errors, LINEAR)", [1.0, 0.5, 0.0, 4.0]),
        ("SUM(METRICS('err'))", [1.0, None, 0.0, 4.0]),
        ("IF(FILL(errors, 0) == 0 AND FILL(calls, 0) > 0, 1, 0)", [0.0, 1.0, 0.0, 0.0]),
        ("errors > 3 || calls > 9", [1.0, None, 0.0, None]),
        ("MAX(calls) && 1", [1.0, 1.0, 1.0, 1.0]),
        ("1 / 0", [None, None, None, None]),
        ("(0 - 8) ^ 0.5", [None, None, None, None]),
        ("CEIL(FILL(errors, 0) / 3)", [1.0, 0.0, 0.0, 2.0]),
        ("0.5", [0.5, 0.5, 0.5, 0.5]),
    ],
)
def test_the_value_of_each_period_is_computed(expression: str, expected: Series) -> None:
    assert evaluate(expression, SERIES) == expected


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ("ANOMALY_DETECTION_BAND(errors)", "ANOMALY_DETECTION_BAND"),
        ("unknown + 1", "unknown"),
        ("errors and calls", "and"),
        ("2 ** 3", "operator"),
        ("METRICS(1)", "METRICS"),
        ("errors +", "invalid syntax"),
        ("METRICS()", "several series"),
        ("().__class__", "__class__"),
    ],
)
def test_an_unknown_function_or_operator_is_refused_by_name(expression: str, named: str) -> None:
    with pytest.raises(ExpressionError, match=named):
        evaluate(expression, SERIES)
