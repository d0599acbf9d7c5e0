"""From a request's columns to the numbers that the regressor learns from.

A code that was not in the training data is missing (NaN); the regressor has learnt what to make of that. Each row's
numbers come from that row alone.
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
"""From narrow to wide, the location apart."""

NAMES = (*CODES, "scaled_price", "promotion_email", "promotion_homepage", "day", "weekday", "day_of_year")


def matrix(columns: Columns, scales: Mapping[str, Mapping[str, float]]) -> NDArray[np.float64]:
    """The features, rows x `NAMES`; `scales` as `learn_scales` answers them."""
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
    """A first guess for each row: the place of its product (or of the shelf it stands on), and of its location."""
    product, subcategory, category, location = features[:, : len(CODES)].T
    goods = np.where(np.isnan(product), np.where(np.isnan(subcategory), category, subcategory), product)
    guess: NDArray[np.float64] = np.nan_to_num(goods) + np.nan_to_num(location)
    return guess


def learn_scales(columns: Columns, logarithms: NDArray[np.float64]) -> dict[str, dict[str, float]]:
    """For each of `CODES`, how far the mean of `logarithms` (one per row) under each code lies from the mean of all."""
    deviations = (logarithms - logarithms.mean()).tolist()
    return {code: _means(getattr(columns, code), deviations) for code in CODES}


def _means(codes: Iterable[str], deviations: Iterable[float]) -> dict[str, float]:
    seen = defaultdict(list)
    for code, deviation in zip(codes, deviations, strict=True):
        seen[code].append(deviation)
    return {code: sum(seen[code]) / len(seen[code]) for code in sorted(seen)}
