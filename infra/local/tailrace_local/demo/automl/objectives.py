"""Kinds of problems, and the metrics that can be the objective of each, by SageMaker's names."""

from __future__ import annotations

REGRESSION, BINARY, MULTICLASS = "Regression", "BinaryClassification", "MulticlassClassification"
DEFAULTS = {REGRESSION: "MSE", BINARY: "F1", MULTICLASS: "Accuracy"}
"""The objective of a job that names none, by its kind of problem."""
SMALLER_IS_BETTER = frozenset({"MSE", "RMSE", "MAE"})
_ALWAYS = frozenset({"Accuracy", "BalancedAccuracy"})
_NAMES = {
    REGRESSION: frozenset({"MSE", "RMSE", "MAE", "R2"}),
    BINARY: _ALWAYS | {"F1", "Precision", "Recall", "AUC"},
    MULTICLASS: _ALWAYS | {"F1macro", "PrecisionMacro", "RecallMacro"},
}


def names_for(problem: str) -> frozenset[str]:
    """Return the metrics that can be the objective of a kind of problem."""
    return _NAMES[problem]
