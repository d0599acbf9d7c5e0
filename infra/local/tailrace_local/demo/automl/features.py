"""Converts a table to the features of the estimators; each row's features depend on that row alone.

- A number is itself. Whole numbers of few values, such as a product's code, also get the mean of
  the target among their rows, as text does.
- A date becomes the day, the weekday and the day of the year.
- A text becomes the mean of the target among the rows that have it, drawn towards the mean of all
  rows where they are few; one for each class beyond two. A text that was not in the training data
  gets the mean of all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tailrace_local.demo.automl.tables import NUMBER, TEXT, Table, kind_of, numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

_SMOOTHING_ROWS = 5.0
_FOLDS = 5
_MIN_CODES, _MAX_CODE_SHARE = 10, 0.2


@dataclass(frozen=True)
class Column:
    """A column of the input: its kind, and the means of the target by its texts, if it has some.

    The means are one number for each column of `Target.means`; `means[None]` are those of all rows.
    """

    name: str
    kind: str
    means: Mapping[str | None, tuple[float, ...]] | None = None

    def features(self, cells: Sequence[str]) -> list[NDArray[np.float64]]:
        """Return the features of a column. Raises CellError."""
        made: list[NDArray[np.float64]] = []
        if self.kind != TEXT:
            values = numbers(cells, self.kind)
            made = [values] if self.kind == NUMBER else [values, values % 7, values % 365.25]
        if self.means is not None:
            default = self.means[None]
            found = np.array([self.means.get(cell.strip(), default) for cell in cells]).reshape(len(cells), -1)
            made += list(found.T)
        return made


def learn(table: Table, names: Sequence[str], target: NDArray[np.float64]) -> list[Column]:
    """Learn the columns; `target` holds a column for each mean to learn, rows x means."""
    return [_learned(name, table.column(name), target) for name in names]


def matrix(columns: Sequence[Column], table: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    """Return the features, rows x features. Raises CellError."""
    made = [feature for column, cells in zip(columns, table, strict=True) for feature in column.features(cells)]
    return np.column_stack(made)


def training_matrix(
    columns: Sequence[Column], table: Table, target: NDArray[np.float64], seed: int
) -> NDArray[np.float64]:
    """Return the features to train on: a row's means come from other rows only.

    Otherwise a rare text would give its own target away, and the estimators would rely on it.
    """
    features = matrix(columns, [table.column(column.name) for column in columns])
    fold = np.random.default_rng(seed).integers(0, _FOLDS, len(table))
    for each in range(_FOLDS):
        inside, outside = fold == each, fold != each
        held, rest = table.where(inside), table.where(outside)
        again = [
            column
            if column.means is None
            else Column(column.name, column.kind, _means(rest.column(column.name), target[outside]))
            for column in columns
        ]
        if len(held) and len(rest):
            features[inside] = matrix(again, [held.column(column.name) for column in again])
    return features


def _learned(name: str, cells: Sequence[str], target: NDArray[np.float64]) -> Column:
    kind = kind_of(cells)
    counted = kind == TEXT or (kind == NUMBER and _are_codes(cells))
    return Column(name, kind, _means(cells, target) if counted else None)


def _are_codes(cells: Sequence[str]) -> bool:
    texts = {cell.strip() for cell in cells} - {""}
    return _MIN_CODES <= len(texts) <= _MAX_CODE_SHARE * len(cells) and all(text.isdigit() for text in texts)


def _means(cells: Sequence[str], target: NDArray[np.float64]) -> dict[str | None, tuple[float, ...]]:
    overall = target.mean(axis=0)
    texts, place = np.unique([cell.strip() for cell in cells], return_inverse=True)
    sums = np.zeros((len(texts), target.shape[1]))
    np.add.at(sums, place, target)
    counts = np.bincount(place, minlength=len(texts))[:, np.newaxis]
    means = (sums + _SMOOTHING_ROWS * overall) / (counts + _SMOOTHING_ROWS)
    return {
        None: tuple(overall.tolist()),
        **{str(text): tuple(row) for text, row in zip(texts, means.tolist(), strict=True)},
    }
