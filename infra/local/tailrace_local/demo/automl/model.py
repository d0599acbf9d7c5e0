"""A trained candidate: columns, estimator and classes, and its files."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np

from tailrace_local.demo.automl import features, tables
from tailrace_local.demo.model import artefact
from tailrace_local.demo.model.records import RowError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_FACTS, _ESTIMATOR = "model.json", "estimator.joblib"


@dataclass(frozen=True)
class TabularModel:
    """Predicts a number, or a class if `classes` has some, for each row of CSV."""

    columns: list[features.Column]
    classes: list[str]
    estimator: Any

    def score(self, body: bytes) -> tuple[bytes, int]:
        """Return a prediction a line, and the number of rows.

        Raises:
            RowError: a row cannot be scored.
        """
        try:
            text = body.decode()
        except UnicodeDecodeError as error:
            raise RowError(body.count(b"\n", 0, error.start) + 1, None, "not UTF-8; send text as UTF-8") from error
        rows, numbered = tables.parse(text, [column.name for column in self.columns])
        if not rows:
            return b"", 0
        matrix = self._matrix(rows, numbered)
        if self.classes:
            lines = [_field(self.classes[at]) for at in self.shares(matrix).argmax(axis=1)]
        else:
            lines = [repr(value) for value in self.numbers(matrix).tolist()]
        return "".join(f"{line}\n" for line in lines).encode(), len(rows)

    def numbers(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict numbers from features."""
        found: NDArray[np.float64] = self.estimator.predict(matrix)
        return found

    def shares(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict probabilities from features, rows x classes."""
        known: NDArray[np.float64] = self.estimator.predict_proba(matrix)
        found = np.zeros((len(matrix), len(self.classes)))
        found[:, self.estimator.classes_.astype(int)] = known  # the training rows may lack a class
        return found

    def save(self, output: Path, facts: dict[str, Any]) -> None:
        """Write `model.tar.gz`; the same model gives the same bytes."""
        dumped = io.BytesIO()
        joblib.dump(self.estimator, dumped)
        columns = [asdict(column) | {"means": _listed(column)} for column in self.columns]
        described = {**artefact.versions(), **facts, "classes": self.classes, "columns": columns}
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(
            artefact.packed({_FACTS: json.dumps(described, indent=1).encode(), _ESTIMATOR: dumped.getvalue()})
        )

    @classmethod
    def load(cls, folder: Path) -> TabularModel:
        """Load a model from a folder, as SageMaker unpacks it. Raises ArtefactError."""
        facts = artefact.read_facts(folder, "train it again with an AutoML job")
        columns = [features.Column(one["name"], one["kind"], _means(one["means"])) for one in facts["columns"]]
        return cls(columns, facts["classes"], joblib.load(folder / _ESTIMATOR))

    def _matrix(self, rows: list[list[str]], lines: list[int]) -> NDArray[np.float64]:
        made = []
        for column, cells in zip(self.columns, zip(*rows, strict=True), strict=True):
            try:
                made += column.features(cells)
            except tables.CellError as error:
                raise RowError(lines[error.row], column.name, str(error)) from error
        return np.column_stack(made)


def _field(text: str) -> str:
    quoted = text.replace('"', '""')
    return f'"{quoted}"' if any(mark in text for mark in ',"\r\n') else text


def _listed(column: features.Column) -> list[Any] | None:
    return None if column.means is None else [[text, list(means)] for text, means in column.means.items()]


def _means(listed: list[Any] | None) -> dict[str | None, tuple[float, ...]] | None:
    return None if listed is None else {text: tuple(means) for text, means in listed}
