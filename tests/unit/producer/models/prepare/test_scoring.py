"""Rows to score are prepared as the rows for training were."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.models.prepare.preparing import prepare
from tailrace.models.prepare.scoring import PreparedSource
from tailrace_core.errors import InputError
from tailrace_core.records.columns import ColumnPlan
from tailrace_core.records.cutting import Cut
from tailrace_core.submission.options import SubmitOptions
from tailrace_core.submission.planning import ChunkPlan, planner_for
from tests.unit.producer.models.prepare.tables import raw_cells, recipes

COLUMNS = ["id", "x", "y z", "sales"]


def planned(data: bytes, recipe: Any, **options: Any) -> tuple[PreparedSource, list[ChunkPlan]]:
    """Plan the submit of rows that are prepared while they are read."""
    chosen = SubmitOptions(**options)
    with PreparedSource.open(data, recipe, header=chosen.header) as source:
        planner = planner_for(source.columns, source.header, source.options(chosen), endpoint_name="model")
        plan = list(planner.plan(source.blocks(), source.describe_position, source.known_rejects))
        return source, [each for each in plan if isinstance(each, ChunkPlan)]


def sent(chunks: list[ChunkPlan]) -> bytes:
    return b"".join(piece for chunk in chunks for piece in chunk.input)


def rejected(chunks: list[ChunkPlan]) -> dict[int, str]:
    return {each.row: each.reason for chunk in chunks for each in chunk.rejected}


@given(st.data())
def test_the_model_gets_the_rows_that_it_was_trained_with(data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.lists(raw_cells(), min_size=4, max_size=4), min_size=1, max_size=8))
    text = "\n".join([",".join(COLUMNS), *(",".join(raw for raw, _ in row) for row in rows)]).encode()
    recipe = {**data.draw(recipes(COLUMNS[:3])), "target": "sales"}
    trained = io.BytesIO()
    try:
        done = prepare(text, trained, recipe=recipe)
    except InputError as exc:
        assert "has no value from which" in str(exc)  # noqa: PT017 - most recipes can be fitted
        return
    source, chunks = planned(text, done.recipe, chunk_rows=3)
    # Every row has its place.
    assert [(chunk.range.first_row, chunk.range.rows) for chunk in chunks] == [
        (start, min(3, len(rows) - start)) for start in range(0, len(rows), 3)
    ]
    header, _, body = trained.getvalue().partition(b"\n")
    columns = tuple(header.decode().split(","))
    assert source.columns[: len(columns)] == columns
    features = [name for name in columns if name != "sales"]
    plan = ColumnPlan.from_names(columns, send=features)
    wanted = b"".join(plan.select(Cut.of(body)).sent)
    found = rejected(chunks)
    if any(reason.startswith("of the sent columns") or reason == "starts with '#'" for reason in found.values()):
        # No container could read them.
        return
    assert sent(chunks) == wanted
    assert len(found) == done.counts.rows_rejected + done.counts.rows_dropped


TRAINING = b"id,x,y z,sales\n1, 2 ,n/a,5\n2,4,6,\n3,,8,7\n4,9,1,1\n"
RECIPE: dict[str, Any] = {
    "target": "sales",
    "select": ["y z", "x", "sales"],
    "rename": {"y z": "y"},
    "columns": {
        "x": {"strip": True, "to": "number", "fill": "median"},
        "y z": {"to": "number", "na": ["n/a"], "fill": "mode"},
        "sales": {"to": "number", "drop_if_null": True},
    },
}


@pytest.fixture
def fitted(tmp_path: Path) -> str:
    path = tmp_path / "fitted.json"
    prepare(TRAINING, tmp_path / "train.csv", recipe=RECIPE, fitted=path)
    assert (tmp_path / "train.csv").read_bytes() == b"y,x,sales\n1,2,5\n8,5.5,7\n1,9,1\n"
    assert json.loads(path.read_bytes())["fitted"] == {"x": "5.5", "y z": "1"}
    return str(path)


def test_the_target_may_be_missing_and_other_columns_may_be_kept(fitted: str) -> None:
    source, chunks = planned(b"id,x,y z\na,1,2\nb,,n/a\n", fitted, keep=["id"])
    assert source.columns == ("y", "x", "id")
    assert sent(chunks) == b"2,1\n1,5.5\n"
    assert b"".join(chunks[0].kept) == b"a\nb\n"


def test_ranges_and_stars_stand_for_the_columns_that_the_model_was_trained_with(tmp_path: Path) -> None:
    recipe = {
        "target": "sales",
        "select": ["*", "y z:sales"],
        "columns": {"*": {"to": "number"}, "y z:sales": {"strip": True, "fill": "mode"}},
    }
    path, trained = tmp_path / "fitted.json", io.BytesIO()
    prepare(b"id,x,y z,sales\n1,2,n,5\n", trained, recipe=recipe, fitted=path)
    assert trained.getvalue() == b"id,x,y z,sales\n1,2,n,5\n"
    # The target is missing, and a column is new.
    _, chunks = planned(b"place,y z,id,x\nBern,,7,8\n", str(path), keep=["place"])
    assert (sent(chunks), b"".join(chunks[0].kept)) == (b"7,8,n\n", b"Bern\n")
    assert not rejected(chunks)


def test_a_range_that_ends_at_the_target_needs_the_fitted_recipe() -> None:
    recipe = {"target": "sales", "select": ["x:sales"]}
    with pytest.raises(InputError, match=r"no column 'x:sales', .* lack the target, .* name the fitted\.json"):
        planned(b"id,x,y z\na,1,2\n", recipe)


def test_a_target_in_the_rows_to_score_is_not_sent_nor_judged(fitted: str) -> None:
    _, chunks = planned(b"id,x,y z,sales\na,1,2,\nb,3,4,no number\n", fitted, keep=["sales"])
    assert sent(chunks) == b"2,1\n4,3\n"
    assert b"".join(chunks[0].kept) == b"\nno number\n"
    assert not rejected(chunks)


def test_a_rejected_row_keeps_its_place_and_its_kept_columns(fitted: str) -> None:
    text = b"id,x,y z\na,1,2\nb,bad,3\nc,4\n\nd,5,6\n"
    _, chunks = planned(text, fitted, keep=["id"], chunk_rows=2)
    assert rejected(chunks) == {
        1: "not a finite number: 'bad' in column 'x'",
        2: "3 fields expected, 2 found",
        3: "blank line",
    }
    assert sent(chunks) == b"2,1\n6,5\n"
    assert b"".join(piece for chunk in chunks for piece in chunk.kept) == b"a\nb\n\n\nd\n"


def test_a_row_that_training_would_drop_is_rejected() -> None:
    recipe = {"columns": {"x": {"drop_if_null": True}}}
    _, chunks = planned(b"x,y\n1,2\n,3\n", recipe)
    assert rejected(chunks) == {1: "no value in column 'x'"}
    assert sent(chunks) == b"1,2\n"


def test_the_same_rows_give_the_same_chunks(fitted: str) -> None:
    text = b"id,x,y z\n" + b'"a, b", 1 ,2\nb,bad,\n' * 500
    first, again = planned(text, fitted, chunk_rows=7)[1], planned(text, fitted, chunk_rows=7)[1]
    assert [each.source_checksum for each in first] == [each.source_checksum for each in again]


def test_columns_that_the_caller_names_are_sent(fitted: str) -> None:
    _, chunks = planned(b"id,x,y z\na,1,2\n", fitted, send=["id", "x"])
    assert sent(chunks) == b"a,1\n"
    _, chunks = planned(b"id,x,y z\na,1,2\n", fitted, drop=["y"])
    assert sent(chunks) == b"1\n"


def test_what_is_not_computed_yet_is_refused() -> None:
    with pytest.raises(InputError, match=r"name the fitted\.json that `tailrace prepare` wrote"):
        planned(b"id,x,y z\na,1,2\n", RECIPE)
    with pytest.raises(InputError, match="write header = false under"):
        planned(b"a,1\n", {"columns": {}}, header="none")


def test_a_recipe_without_its_target_says_how_to_name_it() -> None:
    with pytest.raises(InputError, match=r"no column 'y'.*name it as the recipe's target"):
        planned(b"x\n1\n", {"columns": {"y": {"to": "number"}}})
    with pytest.raises(InputError, match=r"no column 'z', which columns names; the columns are 'x'$"):
        planned(b"x\n1\n", {"target": "y", "columns": {"z": {"to": "number"}}})


def test_rows_without_a_header_are_scored_by_position() -> None:
    recipe = {"input": {"header": False}, "columns": {"column_2": {"strip": True}}, "rename": {"column_2": "x"}}
    source, chunks = planned(b"1, 2\n3,4 \n", recipe, keep=["column_1"], header="repeat")
    assert source.columns == ("column_1", "x")
    assert sent(chunks) == b"x\n2\n4\n"
