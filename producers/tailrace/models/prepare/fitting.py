"""Fill values that are computed from data: medians and modes of the rows that are written."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from tailrace.models.prepare.medians import MedianStore
from tailrace.models.prepare.pipeline import in_order
from tailrace.models.prepare.prepared_cuts import PreparedCut
from tailrace.models.prepare.recipes.recipe import MEDIAN, MODE
from tailrace_core.errors import InputError

if TYPE_CHECKING:
    import polars as pl

    from tailrace.models.prepare.plan import PreparationPlan

MAX_DISTINCT = 1_000_000
"""Distinct values of a column that are counted for its mode, about 100 MB of memory."""


def fit(plan: PreparationPlan, prepared: Iterable[PreparedCut]) -> tuple[dict[str, str], int]:
    """Return the fill value of each column that needs one, and the number of rows seen.

    Medians are exact. Of several most frequent values, the mode is the smallest.

    Raises:
        InputError: a column has no value, or more than `MAX_DISTINCT` distinct ones for its mode.
    """
    modes: dict[int, Counter[float | str]] = {
        place: Counter() for place, each in plan.steps.items() if each.fill == MODE
    }
    rows = 0
    with MedianStore() as medians:
        for cut in prepared:
            rows += cut.counts.rows_written
            for place, found_values in cut.values.items():
                values = found_values.drop_nans() if plan.steps[place].number else found_values
                if plan.steps[place].fill == MEDIAN:
                    medians.add(place, values.to_numpy())
                else:
                    _count(modes[place], values, plan.columns[place])
        places = [place for place, each in plan.steps.items() if each.fill == MEDIAN]
        found: dict[int, float | str | None] = dict(zip(places, in_order(medians.median, places), strict=True))
    found |= {place: _most_frequent(counts) for place, counts in modes.items()}
    for place, value in found.items():
        # The mean of -inf and inf is NaN.
        if value is None or (isinstance(value, float) and math.isnan(value)):
            raise InputError(
                f"column {plan.columns[place]!r} has no value from which to compute its {plan.steps[place].fill}: "
                "fill it with a fixed value (fill = 0), or leave fill out"
            )
    return {plan.columns[place]: text_of(value) for place, value in sorted(found.items()) if value is not None}, rows


def text_of(value: float | str) -> str:
    """Return a value as it is written: the shortest text that gives the same float back."""
    if isinstance(value, str):
        return value
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(float(np.float64(value)))


def _count(counts: Counter[float | str], values: pl.Series, column: str) -> None:
    found = values.value_counts(name="times")
    for value, times in found.iter_rows():
        counts[value] += times
    if len(counts) > MAX_DISTINCT:
        raise InputError(
            f"column {column!r} has more than {MAX_DISTINCT:,} distinct values, too many to count for its mode: fill "
            'it with "median" or a fixed value'
        )


def _most_frequent(counts: Counter[float | str]) -> float | str | None:
    if not counts:
        return None
    most = max(counts.values())
    return min(value for value, times in counts.items() if times == most)
