"""The estimators of candidates: decision trees of several kinds.

Trees take missing values, and predict each row by itself: the prediction of a row does not depend
on the rows that are sent with it, to the last bit. Linear models would not promise that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import ensemble, tree

_BOOSTED, _EXTRA, _FOREST, _TREE = "boosted trees", "extra trees", "random forest", "decision tree"
_KINDS = {
    _BOOSTED: (ensemble.HistGradientBoostingRegressor, ensemble.HistGradientBoostingClassifier),
    _EXTRA: (ensemble.ExtraTreesRegressor, ensemble.ExtraTreesClassifier),
    _FOREST: (ensemble.RandomForestRegressor, ensemble.RandomForestClassifier),
    _TREE: (tree.DecisionTreeRegressor, tree.DecisionTreeClassifier),
}
_FIRST: tuple[tuple[str, dict[str, Any]], ...] = (
    (_BOOSTED, {"max_iter": 150, "learning_rate": 0.08, "max_leaf_nodes": 31}),
    (_FOREST, {"n_estimators": 60, "min_samples_leaf": 3, "max_features": 0.5}),
    (_BOOSTED, {"max_iter": 80, "learning_rate": 0.15, "max_leaf_nodes": 7}),
    (_EXTRA, {"n_estimators": 60, "min_samples_leaf": 3}),
    (_TREE, {"max_depth": 8, "min_samples_leaf": 10}),
)


def draw(at: int, seed: int) -> tuple[str, dict[str, Any]]:
    """Return the kind and the settings of the candidate `at`, from 0; the first ones are fixed."""
    if at < len(_FIRST):
        return _FIRST[at]
    random = np.random.default_rng([seed, at])
    return _BOOSTED, {
        "max_iter": int(random.integers(40, 250)),
        "learning_rate": round(float(10 ** random.uniform(-1.7, -0.6)), 4),
        "max_leaf_nodes": int(random.integers(4, 64)),
        "l2_regularization": round(float(random.uniform(0, 2)), 3),
    }


def build(kind: str, settings: dict[str, Any], *, classifies: bool, seed: int) -> Any:
    """Return an estimator that is not fitted yet."""
    extra = {"early_stopping": False} if kind == _BOOSTED else {}
    return _KINDS[kind][classifies](**settings, **extra, random_state=seed)
