"""Training data are checked before anything is sent."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.models.train.checks import check_file, check_opening
from tailrace_core.errors import InputError

ROWS = "".join(f"{row},{row % 7}\n" for row in range(600))


def write(folder: Path, text: str, name: str = "train.csv") -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def test_a_sound_file_is_counted_and_named_by_its_content(tmp_path: Path) -> None:
    path = write(tmp_path, f"a,b\n{ROWS}1,\n")
    found = check_file(path, "b")
    assert (found.columns, found.rows, found.without_target) == (("a", "b"), 601, 1)
    assert found.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (found.format.content_type, found.format.gzipped) == ("text/csv;header=present", False)


def test_a_compressed_file_is_read_and_named_by_its_compressed_bytes(tmp_path: Path) -> None:
    path = write(tmp_path, f"a,b\n{ROWS}", "train.csv.gz")
    found = check_file(path, "b")
    assert (found.rows, found.format.gzipped) == (600, True)
    assert found.digest == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        ("", "b", "is empty: it needs a header and at least 500 rows"),
        (f"a,b\n{ROWS}", "c", "has no column 'c' to predict; its columns are a, b"),
        (f"a,Units\n{ROWS}", "units", "has no column 'units' to predict; did you mean 'Units'[?]"),
        (ROWS, "b", "its first line looks like data: SageMaker needs a header"),
        (f"\N{ZERO WIDTH NO-BREAK SPACE}a,b\n{ROWS}", "b", "begins with a byte-order mark"),
        (f"a;b\n{ROWS.replace(',', ';')}", "b", "separated by ';', and SageMaker reads commas; `tailrace prepare`"),
        (f"a,,b\n{ROWS}", "b", "column 2 of the header has no name"),
        (f"a,b,a\n{ROWS}", "b", "the header names 'a' twice"),
        ("b\n" + "1\n2\n" * 300, "b", "no column beside the target"),
        (
            f"a,b\n{ROWS}1,2,3\n",
            "b",
            r"row 600 \(counted from 0, the header not included\): 3 fields where the header has 2",
        ),
        ("a,b\n" + "1,2\n" * 499, "b", "has 499 rows with a value of 'b', and SageMaker trains on 500 or more"),
        ("a,b\n" + "1,\n" * 600, "b", "has 0 rows with a value of 'b'"),
        ("a,b\n" + "1,2\n" * 600, "b", "every row has the same 'b', '2'"),
        (f'a,b\n{ROWS}"1" x,2\n', "b", "it is not CSV"),
    ],
)
def test_data_that_cannot_be_trained_on_are_refused(tmp_path: Path, text: str, target: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_file(write(tmp_path, text), target)


def test_other_encodings_are_refused_near_their_line(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_bytes(b"a,b\n" + b"1,2\n" * 3 + "caf\N{LATIN SMALL LETTER E WITH ACUTE},2\n".encode("latin-1"))
    with pytest.raises(InputError, match="it is not UTF-8; `tailrace prepare` writes UTF-8"):
        check_file(path, "b")


def test_a_file_that_is_no_gzip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "train.csv.gz"
    path.write_bytes(b"a,b\n1,2\n")
    with pytest.raises(InputError, match="cannot be read: Not a gzipped file"):
        check_file(path, "b")


def test_a_validation_file_may_be_short(tmp_path: Path) -> None:
    assert check_file(write(tmp_path, "a,b\n1,2\n"), "b", min_rows=1).rows == 1


def test_parquet_is_checked_by_its_schema(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "train.parquet"
    pq.write_table(pa.table({"a": list(range(600)), "b": [None, *range(599)]}), path)
    found = check_file(path, "b")
    assert (found.columns, found.rows, found.without_target) == (("a", "b"), 600, 1)
    assert found.format.content_type == "x-application/vnd.amazon+parquet"
    with pytest.raises(InputError, match="has no column 'c'"):
        check_file(path, "c")


@given(
    rows=st.lists(
        st.tuples(st.text(alphabet='ab",\n\r x', max_size=5), st.sampled_from(["", " ", "1", "2"])), max_size=9
    ),
    target=st.sampled_from(["a", "b"]),
)
def test_rows_are_counted_as_csv_counts_records(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], target: str
) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([("a", "b"), *rows])
    path = write(tmp_path_factory.getbasetemp(), text.getvalue(), "drawn.csv")
    known = sum(bool(row["ab".index(target)].strip()) for row in rows)
    if known == 0:
        with pytest.raises(InputError, match="has 0 rows"):
            check_file(path, target, min_rows=1)
        return
    found = check_file(path, target, min_rows=1)
    assert (found.rows, found.without_target) == (len(rows), len(rows) - known)


def test_the_beginning_of_an_object_may_end_within_a_record() -> None:
    check_opening("s3://b/k", b'a,b\n1,"cut', "b", whole=False)
    with pytest.raises(InputError, match="has no column 'c'"):
        check_opening("s3://b/k", b"a,b\n1,2", "c", whole=False)
    with pytest.raises(InputError, match="has 1 rows"):
        check_opening("s3://b/k", b"a,b\n1,2\n", "b", whole=True)
