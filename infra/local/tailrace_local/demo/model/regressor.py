"""The trained model: scales, gradient-boosted trees, and a correction back from logarithms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tailrace_local.demo.model import features

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from tailrace_local.demo.model.records import Columns


class Trees(Protocol):
    """The part of scikit-learn's model in use: sums the leaves that each row reaches.

    The order of the sum does not depend on other rows.
    """

    def predict(self, matrix: NDArray[np.float64], /) -> NDArray[np.float64]:
        """Predict, for each row, the logarithm of 1 + sales less the row's `features.level`."""


@dataclass(frozen=True)
class Regressor:
    """Predicts `unit_sales`.

    A row's prediction does not depend on other rows, to the last bit: the trees add up row by row
    in a fixed order, and the exponential is computed one number at a time (a vectorised one may
    round differently by position). `smearing` is the mean of the exponentials of the training
    residuals; without it, means would be too low.
    """

    scales: Mapping[str, Mapping[str, float]]
    smearing: float
    trees: Trees

    def predict(self, columns: Columns) -> list[float]:
        """Predict sales, never negative, one for each row; none for no rows."""
        return self.sales(self.logarithms(features.matrix(columns, self.scales)))

    def logarithms(self, matrix: NDArray[np.float64]) -> list[float]:
        """Predict the logarithms of 1 + sales, one for each row of features; none for no rows."""
        if not len(matrix):
            return []
        found: list[float] = (features.level(matrix) + self.trees.predict(matrix)).tolist()
        return found

    def sales(self, logarithms: list[float]) -> list[float]:
        """Convert predicted logarithms to sales."""
        return [max(0.0, self.smearing * math.exp(logarithm) - 1.0) for logarithm in logarithms]


def format_predictions(predictions: list[float]) -> bytes:
    """Write a prediction a line, ended by LF, in the shortest form that reads back the same."""
    return "".join([f"{prediction!r}\n" for prediction in predictions]).encode("ascii")
