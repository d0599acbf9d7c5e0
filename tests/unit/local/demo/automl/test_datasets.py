"""The data of a local training: kinds of columns, features, problems, and rows of requests."""

from __future__ import annotations

import csv
import gzip
import io
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_local.demo.automl import datasets, features, tables
from tailrace_local.demo.automl.datasets import Job
from tailrace_local.demo.automl.tables import DATE, NUMBER, TEXT, DataError, Table
from tailrace_local.demo.model.records import RowError

TEXTS = st.sampled_from(["x", "y, z", "", 'q"', "l\nm"])
FIELDS = st.tuples(st.text(alphabet='a,"\n\r', max_size=4), st.text(alphabet="b ", max_size=3))
TARGET = np.arange(6.0)[:, np.newaxis]


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", " 2.5 ", "", "1e3"], NUMBER),
        (["1", "n/a"], TEXT),
        (["1", "inf"], TEXT),
        (["1_000"], TEXT),
        (["2021-01-31", "2021-01-31 10:00:00", ""], DATE),
        (["2021-01-31", "1"], TEXT),
        (["", " "], TEXT),
    ],
)
def test_a_column_is_numbers_or_dates_if_all_its_cells_are(cells: list[str], kind: str) -> None:
    assert tables.kind_of(cells) == kind


def test_a_missing_number_stays_missing_and_a_date_has_a_weekday() -> None:
    number = features.Column("a", NUMBER)
    assert [math.isnan(each) for each in number.features(["1", ""])[0]] == [False, True]
    day, weekday, _ = features.Column("a", DATE).features(["2000-01-03", "2000-01-09"])
    assert (day.tolist(), weekday.tolist()) == ([0.0, 6.0], [0.0, 6.0])


def test_a_text_is_the_mean_of_its_rows_drawn_to_the_mean_of_all() -> None:
    table = Table(("a",), (("x", "x", "x", "y", "y", " y "),))
    (column,) = features.learn(table, ["a"], TARGET)
    (found,) = column.features(["x", "y", "new"])
    assert found.tolist() == pytest.approx([(3 + 5 * 2.5) / 8, (12 + 5 * 2.5) / 8, 2.5])


def test_the_features_of_a_training_row_do_not_hold_its_own_target() -> None:
    cells = tuple(f"only {row}" for row in range(200))
    target = np.zeros((200, 1))
    target[7] = 1000.0
    table = Table(("a",), (cells,))
    columns = features.learn(table, ["a"], target)
    safe = features.training_matrix(columns, table, target, seed=0)
    assert features.matrix(columns, [cells])[7, 0] > 100
    assert safe[7, 0] == 0.0


@given(
    rows=st.lists(
        st.tuples(TEXTS, st.floats(-1e9, 1e9), st.sampled_from(["", "2021-05-04"])),
        min_size=1,
        max_size=20,
    )
)
def test_the_features_of_a_row_depend_on_that_row_alone(rows: list[tuple[str, float, str]]) -> None:
    text, amount, day = zip(*((a, repr(b), c) for a, b, c in rows), strict=True)
    table = Table(("t", "n", "d"), (text, amount, day))
    columns = features.learn(table, table.names, np.arange(len(rows), dtype=float)[:, np.newaxis])
    whole = features.matrix(columns, table.columns)
    for at in range(len(rows)):
        alone = features.matrix(columns, [column[at : at + 1] for column in table.columns])
        assert np.array_equal(alone[0], whole[at], equal_nan=True)


@given(
    rows=st.lists(st.tuples(st.text(alphabet='a,"\n\r', max_size=4), st.text(alphabet="b ", max_size=3)), max_size=6)
)
def test_rows_of_a_request_are_those_that_csv_wrote(rows: list[tuple[str, str]]) -> None:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
    found, lines = tables.parse(written.getvalue(), ["t", "n"])
    assert [tuple(row) for row in found] == rows
    assert lines == sorted(lines)


def test_a_header_is_no_row_and_a_wrong_row_is_named_by_its_line() -> None:
    assert tables.parse("a,b\n1,2\n", ["a", "b"]) == ([["1", "2"]], [2])
    with pytest.raises(RowError, match="line 3: 1 fields; the model takes 2: a,b"):
        tables.parse('"x\ny",2\n1\n', ["a", "b"])


@pytest.mark.parametrize(
    ("cells", "problem", "metric", "kind", "objective"),
    [
        (("1.5", "2.5", "3.5"), "", "", "Regression", "MSE"),
        (("0", "1", "1"), "", "", "BinaryClassification", "F1"),
        (("yes", "no", "no"), "", "", "BinaryClassification", "F1"),
        (("1", "2", "3"), "", "", "MulticlassClassification", "Accuracy"),
        (("a", "b", "c"), "", "", "MulticlassClassification", "Accuracy"),
        (tuple(str(each) for each in range(30)), "", "", "Regression", "MSE"),
        (("1", "2", "3"), "Regression", "MAE", "Regression", "MAE"),
    ],
)
def test_the_problem_follows_from_the_target_where_it_is_not_named(
    cells: tuple[str, ...], problem: str, metric: str, kind: str, objective: str
) -> None:
    found = datasets.resolve(Job(training=[], target="t", problem=problem, metric=metric), cells)
    assert (found.kind, found.metric) == (kind, objective)


@pytest.mark.parametrize(
    ("cells", "options", "reason"),
    [
        (("a", "a"), {}, "the value 'a' only"),
        (("a", "b"), {"problem": "Regression", "metric": "MSE"}, "Regression needs numbers"),
        (("a", "b", "c"), {"problem": "BinaryClassification", "metric": "F1"}, "has 3 values"),
        (("1", "2"), {"problem": "Regression", "metric": "F1"}, "metric F1 does not suit"),
    ],
)
def test_a_problem_that_does_not_suit_the_target_is_refused(
    cells: tuple[str, ...], options: dict[str, str], reason: str
) -> None:
    with pytest.raises(DataError, match=reason):
        datasets.resolve(Job(training=[], target="t", **options), cells)  # type: ignore[arg-type]  # the options are each case's point


def test_files_of_a_channel_are_one_table_and_compressed_ones_too(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("a,b\n1,2\n")
    (tmp_path / "2.csv.gz").write_bytes(gzip.compress(b"\xef\xbb\xbfa,b\r\n3,4\r\n"))
    assert tables.read([tmp_path / "1.csv", tmp_path / "2.csv.gz"]).columns == (("1", "3"), ("2", "4"))
    (tmp_path / "3.csv").write_text("a,c\n1,2\n")
    with pytest.raises(DataError, match=r"header of 3\.csv differs"):
        tables.read([tmp_path / "1.csv", tmp_path / "3.csv"])


def test_held_out_rows_are_a_share_and_no_row_is_in_both(tmp_path: Path) -> None:
    rows = "".join(f"{row},{row * 1.5}\n" for row in range(1000))
    (tmp_path / "t.csv").write_text(f"a,t\n{rows}5,\n")
    job = Job(training=[str(tmp_path / "t.csv")], target="t", validation_share=0.25)
    data = datasets.load(job)
    split = datasets.split(job, data)
    assert (len(data.table), data.dropped, len(split.train[1]), len(split.held[1])) == (1000, 1, 750, 250)
    assert not {*split.train[1].tolist()} & {*split.held[1].tolist()}
