"""The metrics of candidates, by SageMaker's names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn import metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


def regression(known: NDArray[np.float64], predicted: NDArray[np.float64]) -> dict[str, float]:
    """Return the metrics of predicted numbers."""
    squared = float(metrics.mean_squared_error(known, predicted))
    return {
        "MSE": squared,
        "RMSE": squared**0.5,
        "MAE": float(metrics.mean_absolute_error(known, predicted)),
        "R2": float(metrics.r2_score(known, predicted)),
    }


def classification(known: NDArray[np.int64], shares: NDArray[np.float64], classes: Sequence[str]) -> dict[str, float]:
    """Return the metrics of classes, numbered; `shares` are probabilities, rows x classes.

    Of two classes, the second is the positive one.
    """
    predicted = shares.argmax(axis=1)
    both = {
        "Accuracy": float(metrics.accuracy_score(known, predicted)),
        "BalancedAccuracy": float(metrics.balanced_accuracy_score(known, predicted)),
    }
    binary = len(classes) == 2  # noqa: PLR2004
    kind, suffix = ("binary", "") if binary else ("macro", "Macro")
    scores = metrics.precision_recall_fscore_support(known, predicted, average=kind, zero_division=0.0)
    named = {f"Precision{suffix}": scores[0], f"Recall{suffix}": scores[1], "F1" if binary else "F1macro": scores[2]}
    if binary and len(set(known.tolist())) == 2:  # noqa: PLR2004  undefined for one class
        named["AUC"] = metrics.roc_auc_score(known, shares[:, 1])
    return both | {name: float(value) for name, value in named.items()}
