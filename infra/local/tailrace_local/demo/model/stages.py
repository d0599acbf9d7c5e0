"""What a container does with a request, alone or as one of a row, as Autopilot's candidates have one, two or three.

    rows ─────────────────────────────────────────────▶ sales       one container
    rows ─ feature-transform ▶ features ──────────────▶ sales       two
    rows ─ feature-transform ▶ features ─▶ logarithms ─ inverse-label-transform ▶ sales

Each holds the whole artefact; its environment says which it is, by Autopilot's own names: AUTOML_TRANSFORM_MODE, and
for the one between, SAGEMAKER_INFERENCE_OUTPUT (`predicted_label`, or `logarithm` when an inverse transform follows).
All three ways end in the same bytes.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tailrace_local.demo.model import features, records
from tailrace_local.demo.model.regressor import format_predictions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from tailrace_local.demo.model.regressor import Regressor

CSV = "text/csv"
FEATURES = "application/x-npy"


class FormError(ValueError):
    """A body that is not what the container before should have made."""


@dataclass(frozen=True)
class Stage:
    """`work` makes the body of an answer, of the type `gives`, and says how many rows it holds.

    It raises records.RowError or FormError for a body that cannot be read.
    """

    gives: str
    work: Callable[[Regressor, bytes], tuple[bytes, int]]


def stages_for(environment: Mapping[str, str]) -> Mapping[str, Stage]:
    """What a container with this environment does, by the type of the body that it gets.

    Raises:
        ValueError: the environment names something that this model cannot be.
    """
    mode = environment.get("AUTOML_TRANSFORM_MODE", "")
    output = environment.get("SAGEMAKER_INFERENCE_OUTPUT") or "predicted_label"
    found = {
        ("feature-transform", "predicted_label"): {CSV: Stage(FEATURES, _to_features)},
        ("inverse-label-transform", "predicted_label"): {CSV: Stage(CSV, _from_logarithms)},
        ("", "logarithm"): {FEATURES: Stage(CSV, _to_logarithms)},
        ("", "predicted_label"): {CSV: Stage(CSV, _rows_to_sales), FEATURES: Stage(CSV, _features_to_sales)},
    }.get((mode, output))
    if found is None:
        raise ValueError(
            f"no container of this model has AUTOML_TRANSFORM_MODE {mode!r} and SAGEMAKER_INFERENCE_OUTPUT {output!r}"
        )
    return found


def _rows_to_sales(regressor: Regressor, body: bytes) -> tuple[bytes, int]:
    predicted = regressor.predict(records.parse(body))
    return format_predictions(predicted), len(predicted)


def _to_features(regressor: Regressor, body: bytes) -> tuple[bytes, int]:
    columns = records.parse(body)
    written = io.BytesIO()
    np.save(written, features.matrix(columns, regressor.scales), allow_pickle=False)
    return written.getvalue(), len(columns)


def _features_to_sales(regressor: Regressor, body: bytes) -> tuple[bytes, int]:
    predicted = regressor.sales(regressor.logarithms(_matrix(body)))
    return format_predictions(predicted), len(predicted)


def _to_logarithms(regressor: Regressor, body: bytes) -> tuple[bytes, int]:
    logarithms = regressor.logarithms(_matrix(body))
    return format_predictions(logarithms), len(logarithms)


def _from_logarithms(regressor: Regressor, body: bytes) -> tuple[bytes, int]:
    try:
        logarithms = [records.number(line) for line in body.decode().splitlines()]
    except ValueError as error:
        raise FormError(f"not one logarithm a line: {error}") from None
    return format_predictions(regressor.sales(logarithms)), len(logarithms)


def _matrix(body: bytes) -> NDArray[np.float64]:
    try:
        found = np.load(io.BytesIO(body), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise FormError(f"not an array as NumPy saves it: {error}") from None
    if found.ndim != 2 or found.shape[1] != len(features.NAMES) or found.dtype != np.float64:  # noqa: PLR2004
        raise FormError(f"an array of {found.dtype} of shape {found.shape}, not rows of {len(features.NAMES)} numbers")
    matrix: NDArray[np.float64] = found
    return matrix
