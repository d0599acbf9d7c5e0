import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tailrace_local.demo import demand
from tailrace_local.demo.model import features
from tailrace_local.demo.model.records import Columns, parse
from tailrace_local.demo.model.regressor import Regressor, format_predictions

ROWS = b"".join(demand.chunks(demand.Demand(rows=300, seed=3, header=False, unknown=0.2))).splitlines(keepends=True)


class WeekdayTrees:
    """Stands in for scikit-learn's: a number that depends on each row alone."""

    def predict(self, matrix: NDArray[np.float64], /) -> NDArray[np.float64]:
        column: NDArray[np.float64] = 0.1 * matrix[:, 8] - 5.0 * np.isnan(matrix[:, 0])
        return column


def learnt() -> Regressor:
    scales = features.learn_scales(parse(b"".join(ROWS[:150])), np.log1p(demand.targets(3, 150)))
    return Regressor(scales=scales, smearing=1.02, trees=WeekdayTrees())


def predicted(rows: list[bytes]) -> list[float]:
    return learnt().predict(parse(b"".join(rows)))


@settings(deadline=None)
@given(seed=st.integers(0, 2**32), size=st.integers(1, len(ROWS)))
def test_a_rows_features_and_prediction_do_not_depend_on_the_other_rows(seed: int, size: int) -> None:
    chosen = random.Random(seed).choices(ROWS, k=size)
    alone = {row: format_predictions(predicted([row])) for row in set(chosen[:5])}
    together = format_predictions(predicted(chosen)).splitlines(keepends=True)
    assert [alone[row] for row in chosen[:5]] == together[:5]


def test_no_rows_have_no_predictions() -> None:
    assert learnt().predict(Columns([], [], [], [], [], [], [], [])) == []


def test_predictions_are_never_negative() -> None:
    assert min(predicted(ROWS)) == 0.0


def test_unknown_codes_are_missing_and_known_ones_are_not() -> None:
    known = ROWS[0].decode().split(",")
    unknown = ["999999", "Nothing", "Like It", "1", *known[4:]]
    matrix = features.matrix(parse((",".join(known) + ",".join(unknown)).encode()), learnt().scales)
    assert not np.isnan(matrix[0]).any()
    assert np.isnan(matrix[1, :4]).all()
    assert (matrix[0, 4:] == matrix[1, 4:]).all()
    assert features.level(matrix)[1] == 0.0


def test_the_level_falls_back_from_product_to_subcategory_to_category() -> None:
    nan = math.nan
    codes = [[1.0, 2.0, 3.0, 0.5], [nan, 2.0, 3.0, 0.5], [nan, nan, 3.0, nan], [nan, nan, nan, 0.5]]
    assert features.level(np.array(codes)).tolist() == [1.5, 2.5, 3.0, 0.5]


def test_scales_are_deviations_from_the_mean_of_all() -> None:
    rows = [f"{code},A,B,{place},1,0,0,2018-01-01\n" for code, place in [("1", "x"), ("2", "x"), ("2", "y")]]
    scales = features.learn_scales(parse("".join(rows).encode()), np.array([1.0, 2.0, 6.0]))
    assert scales["product_code"] == {"1": -2.0, "2": 1.0}
    assert scales["location_code"] == {"x": -1.5, "y": 3.0}
    assert scales["product_category"] == pytest.approx({"A": 0.0})


@given(st.lists(st.floats(min_value=0, allow_nan=False, allow_infinity=False)))
def test_formatted_predictions_read_back_as_the_same_numbers(predictions: list[float]) -> None:
    written = format_predictions(predictions)
    assert written.count(b"\n") == len(predictions)
    assert [float(line) for line in written.splitlines()] == predictions
