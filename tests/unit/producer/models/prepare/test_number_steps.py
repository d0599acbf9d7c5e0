"""Preparation of numbers by bytes against the steps of single columns."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.models.prepare.plan import PreparationPlan, plan_for
from tailrace.models.prepare.prepared_cuts import PreparedCut
from tailrace.models.prepare.recipes.recipe_files import load_recipe
from tailrace.models.prepare.steps.number_steps import NumberSteps
from tailrace.models.prepare.steps.row_steps import RowSteps
from tailrace_core.records.cutting import Cut
from tailrace_core.records.preflight import Preflight
from tests.unit.producer.models.prepare.tables import NUMBERS

NAMES = ("a", "b", "c")
BLANKS = st.one_of(st.integers(0, 2).map(lambda count: " " * count), st.sampled_from(["", " " * 7, " " * 12]))
ODD = st.sampled_from(["\t1", "1\u00a0", "\u0663", "1 2", "- 1", "\x1f1", "é", "1\v", "-9", "n/a", "NA", "", "1e400"])
LIKE_NUMBERS = st.text("0123456789+-.eEinfatyINFATY_x", max_size=9)
CELLS = st.tuples(BLANKS, st.one_of(NUMBERS, NUMBERS, NUMBERS, LIKE_NUMBERS, ODD), BLANKS).map("".join)
PLAIN_CELLS = st.tuples(st.sampled_from(["", " "]), st.one_of(NUMBERS, LIKE_NUMBERS)).map("".join)


@st.composite
def steps_of_numbers(draw: st.DrawFn) -> dict[str, Any]:
    steps: dict[str, Any] = {
        "strip": draw(st.sampled_from([True, True, True, False])),
        "to": "number",
        "on_error": draw(st.sampled_from(["null", "null", "null", "reject"])),
        "finite": draw(st.booleans()),
        "na": draw(st.lists(st.sampled_from(["n/a", "NA", "-", "1 2"]), unique=True)),
    }
    kind = draw(st.sampled_from(["fill", "fill", "leave", "drop"]))
    if kind == "fill":
        steps["fill"] = draw(st.sampled_from(["0.0", "7", "median", "mode"]))
    elif kind == "drop":
        steps["drop_if_null"] = True
    return steps


def planned(columns: dict[str, Any], *, fitting: bool = False) -> PreparationPlan:
    recipe = load_recipe({"columns": columns})
    if fitting:
        return plan_for(recipe, NAMES)
    return plan_for(load_recipe({"columns": {name: _without_fit(each) for name, each in columns.items()}}), NAMES)


def _without_fit(steps: dict[str, Any]) -> dict[str, Any]:
    return steps | {"fill": "-3.25"} if steps.get("fill") in {"median", "mode"} else steps


def prepare(plan: PreparationPlan, text: str, *, fitting: bool) -> PreparedCut:
    return RowSteps(plan, Preflight(len(plan.columns)), fitting=fitting).prepare(Cut.of(text.encode()))


def _same_with_quotes(columns: dict[str, Any], rows: list[list[str]], *, fitting: bool) -> None:
    """Require the result of the same rows with a last row in quotes, which are prepared by column."""
    text = "".join(",".join(row) + "\n" for row in rows)
    plan = planned(columns, fitting=fitting)
    found = prepare(plan, text + "1,1,1\n", fitting=fitting)
    wanted = prepare(plan, text + '"1",1,1\n', fitting=fitting)
    assert fitting or found.data == wanted.data.removesuffix(b'"1",1,1\n') + b"1,1,1\n"
    assert found.rejected == wanted.rejected
    assert found.counts == wanted.counts
    assert _texts(found) == _texts(wanted)


def _texts(done: PreparedCut) -> dict[int, list[str]]:
    return {place: [repr(value) for value in each] for place, each in done.values.items()}


@given(
    st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=8),
    st.fixed_dictionaries(dict.fromkeys(NAMES, steps_of_numbers())),
    st.booleans(),
)
def test_numbers_are_prepared_as_by_column(rows: list[list[str]], columns: dict[str, Any], fitting: bool) -> None:  # noqa: FBT001 - drawn
    _same_with_quotes(columns, rows, fitting=fitting)


@given(
    st.lists(st.lists(PLAIN_CELLS, min_size=3, max_size=3), max_size=20),
    st.sampled_from(["0.0", "median"]),
    st.booleans(),
    st.booleans(),
)
def test_the_same_texts_are_numbers(rows: list[list[str]], fill: str, finite: bool, fitting: bool) -> None:  # noqa: FBT001 - drawn
    steps = {"strip": True, "to": "number", "on_error": "null", "finite": finite, "fill": fill}
    _same_with_quotes({"*": steps}, rows, fitting=fitting)


@given(st.sets(st.integers(0, 99)), st.sampled_from(["", "x", "  ", "n/a"]))
def test_few_and_many_null_cells_are_filled(places: set[int], null: str) -> None:
    cells = [null if place in places else str(place) for place in range(99)]
    _same_with_quotes(
        {"*": {"strip": True, "to": "number", "on_error": "null", "fill": "0.25"}},
        [cells[start : start + 3] for start in range(0, 99, 3)],
        fitting=False,
    )


@pytest.mark.parametrize("text", ["1,-2.5,3e4\n", " 1,  2 ,    3\n", "n/a,,x\n1,2, \n"])
def test_rows_of_numbers_are_prepared_by_bytes(text: str) -> None:
    plan = planned({"*": {"strip": True, "to": "number", "on_error": "null", "fill": 0}})
    assert NumberSteps.suit(plan, plan.steps, fitting=False)
    done = NumberSteps(plan, plan.steps, fitting=False).prepare(Cut.of(text.encode()))
    assert done == prepare(plan, text, fitting=False)


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ({"on_error": "null"}, '"1",2,3\n'),
        ({"on_error": "null"}, "1,2,3\r\n"),
        ({"on_error": "null"}, "1\u00a0,2,3\n"),
        ({"on_error": "null"}, "1\t,2,3\n"),
        ({"on_error": "null", "strip": False}, " 1,2,3\n"),
        ({"on_error": "null", "drop_if_null": True}, "1,,3\n"),
        ({"on_error": "reject"}, "1,x,3\n"),
        ({"on_error": "null"}, "1," + " " * 50 + "2,3\n"),
    ],
)
def test_other_cuts_are_left_to_the_steps_of_columns(steps: dict[str, Any], text: str) -> None:
    plan = planned({"*": {"strip": True, "to": "number", **steps}})
    assert NumberSteps(plan, plan.steps, fitting=False).prepare(Cut.of(text.encode())) is None


def test_a_number_that_means_missing_does_not_suit() -> None:
    plan = planned({"*": {"to": "number", "na": ["-9"]}})
    assert not NumberSteps.suit(plan, plan.steps, fitting=False)
