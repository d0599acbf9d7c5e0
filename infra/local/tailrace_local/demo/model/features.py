"""Converts a request's columns to the features of the regressor.

A code that was not in the training data is a missing value (NaN), which the regressor was trained
on. Each row's features depend on that row alone.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from tailrace_local.demo.model.records import Columns

CODES = ("product_code", "product_subcategory", "product_category", "location_code")
"""From the narrowest group to the widest, then the location."""

NAMES = (*CODES, "scaled_price", "promotion_email", "promotion_homepage", "day", "weekday", "day_of_year")


def matrix(columns: Columns, scales: Mapping[str, Mapping[str, float]]) -> NDArray[np.float64]:
    """Return the features, rows x `NAMES`; `scales` come from `learn_scales`."""
    days = np.array(columns.days, dtype=np.int64)
    features = np.empty((len(columns), len(NAMES)))
    for at, code in enumerate(CODES):
        place = scales[code].get
        features[:, at] = [place(text, np.nan) for text in getattr(columns, code)]
    features[:, 4] = columns.scaled_price
    features[:, 5] = columns.promotion_email
    features[:, 6] = columns.promotion_homepage
    features[:, 7] = days
    features[:, 8] = days % 7
    features[:, 9] = days % 365.25
    return features


def level(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Estimate each row from the scales of its product, or else its groups, and of its location."""
    product, subcategory, category, location = features[:, : len(CODES)].T
    goods = np.where(np.isnan(product), np.where(np.isnan(subcategory), category, subcategory), product)
    guess: NDArray[np.float64] = np.nan_to_num(goods) + np.nan_to_num(location)
    return guess


def learn_scales(columns: Columns, logarithms: NDArray[np.float64]) -> dict[str, dict[str, float]]:
    """Return, for each of `CODES`, each code's mean of `logarithms` less the mean of all rows.

    `logarithms` has one value for each row.
    """
    deviations = (logarithms - logarithms.mean()).tolist()
    return {code: _means(getattr(columns, code), deviations) for code in CODES}


def _means(codes: Iterable[str], deviations: Iterable[float]) -> dict[str, float]:
    seen = defaultdict(list)
    for code, deviation in zip(codes, deviations, strict=True):
        seen[code].append(deviation)
    return {code: sum(seen[code]) / len(seen[code]) for code in sorted(seen)}
