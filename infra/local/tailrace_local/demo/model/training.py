"""Trains a regressor on generated demand, and scores it on held-out rows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import r2_score

from tailrace_local.demo import demand
from tailrace_local.demo.model import features, records
from tailrace_local.demo.model.regressor import Regressor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tailrace_local.demo.model.records import Columns

HELD_OUT_ROWS = 20_000
_HIDDEN_SHARE = 0.03
"""Share of each code that is hidden in training, so that the model learns to predict unknown
codes."""


@dataclass(frozen=True)
class Settings:
    """Settings of the training; the same settings and versions give the same bytes."""

    rows: int = 150_000
    seed: int = 1

    def facts(self) -> dict[str, Any]:
        """Return the settings as the artefact records them."""
        return {"trained_on_rows": self.rows, "seed": self.seed}


def train(settings: Settings) -> tuple[Regressor, dict[str, Any]]:
    """Return a regressor and a report.

    The report holds `r2` on held-out rows (1 is perfect) and `r2_unknown` on unknown products.
    """
    started = time.perf_counter()
    columns, sold = _data(settings.seed, settings.rows)
    regressor = _fitted(columns, np.log1p(sold), settings.seed)
    seconds = time.perf_counter() - started
    report = {
        **settings.facts(),
        "r2": _score(regressor, settings.seed + 1, unknown=0.0),
        "r2_unknown": _score(regressor, settings.seed + 1, unknown=1.0),
        "held_out_rows": HELD_OUT_ROWS,
        "seconds": round(seconds, 2),
    }
    return regressor, report


def _fitted(columns: Columns, logarithms: NDArray[np.float64], seed: int) -> Regressor:
    scales = features.learn_scales(columns, logarithms)
    matrix = features.matrix(columns, scales)
    hidden = np.random.default_rng(seed).random((len(columns), len(features.CODES))) < _HIDDEN_SHARE
    matrix[:, : len(features.CODES)][hidden] = np.nan
    trees = HistGradientBoostingRegressor(
        max_iter=80, learning_rate=0.2, max_leaf_nodes=31, early_stopping=False, random_state=seed
    )
    level = features.level(matrix)
    trees.fit(matrix, logarithms - level)
    smearing = float(np.mean(np.exp(logarithms - level - trees.predict(matrix))))
    return Regressor(scales=scales, smearing=smearing, trees=trees)


def _score(regressor: Regressor, seed: int, *, unknown: float) -> float:
    columns, sold = _data(seed, HELD_OUT_ROWS, unknown)
    return round(float(r2_score(sold, regressor.predict(columns))), 4)


def _data(seed: int, rows: int, unknown: float = 0.0) -> tuple[Columns, NDArray[np.float64]]:
    """Generate rows, and parse them as the server does, so that training matches scoring."""
    wanted = demand.Demand(rows=rows, seed=seed, header=False, unknown=unknown)
    return records.parse(b"".join(demand.chunks(wanted))), demand.targets(seed, rows)
