"""Stages of a serial pipeline: Autopilot's candidates have one, two or three containers.

    rows ─────────────────────────────────────────────▶ sales       one container
    rows ─ feature-transform ▶ features ──────────────▶ sales       two
    rows ─ feature-transform ▶ features ─▶ logarithms ─ inverse-label-transform ▶ sales

Each container holds the whole artefact. Its environment selects the stage, by Autopilot's
variables: AUTOML_TRANSFORM_MODE and, for the middle one, SAGEMAKER_INFERENCE_OUTPUT
(`predicted_label`, or `logarithm` before an inverse transform). All three pipelines give the same
bytes.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
    """The body does not have the form that the previous container makes."""


@dataclass(frozen=True)
class Stage:
    """A step of the pipeline, with the media type that it `gives`.

    `work` makes the response's body from the loaded model and the request's body, and returns it
    with the number of rows. It raises
    records.RowError or FormError for a body that cannot be read.
    """

    gives: str
    work: Callable[[Any, bytes], tuple[bytes, int]]


def stages_for(environment: Mapping[str, str]) -> Mapping[str, Stage]:
    """Return the stages of a container with this environment, by the media type of the request.

    Raises:
        ValueError: the environment names a stage that this model does not have.
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
