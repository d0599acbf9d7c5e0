"""Rows and bytes of an input, counted and estimated."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import polars as pl
import pytest

from tailrace.advice.durations import spoken, spoken_size
from tailrace.advice.input_facts import InputFacts, measure
from tailrace.sources.record_source import open_records
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.errors import RecordTooLargeError

SAMPLE_BYTES = 1_500_000


def measured(path: Path, *, count: bool = False) -> InputFacts:
    with open_records([str(path)], header=HeaderPolicy.STRIP) as source:
        return measure(source, count=count, sample_bytes=SAMPLE_BYTES)


def test_a_small_file_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b'id,x\n1,2\n3,"a\nb"\n5,6')
    assert measured(path) == InputFacts(rows=3, size_bytes=15, largest_record_bytes=8)


@pytest.mark.parametrize("compressed", [False, True])
def test_a_large_file_is_estimated_from_its_beginning(tmp_path: Path, *, compressed: bool) -> None:
    rows, source = SAMPLE_BYTES // 10 * 4, random.Random(1)
    text = b"id,x\n" + b"".join(b"%08d,\n" % source.randrange(10**8) for _ in range(rows))
    path = tmp_path / "rows.csv"
    path.write_bytes(gzip.compress(text, 1) if compressed else text)
    found = measured(path)
    assert not found.exact
    assert found.rows == pytest.approx(rows, rel=0.1)
    assert found.row_bytes == 10
    assert measured(path, count=True) == InputFacts(rows=rows, size_bytes=rows * 10, largest_record_bytes=10)


def test_the_size_of_well_compressed_text_is_that_of_the_pieces_read(tmp_path: Path) -> None:
    """A piece of the file may hold more text than the sample."""
    source = random.Random(1)
    line = b"".join(b"%08d," % source.randrange(10**8) for _ in range(40)) + b"\n"
    text = b"".join(line + b"%032x\n" % source.getrandbits(128) for _ in range(100_000))
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress(b"x\n" + text, 1))
    assert path.stat().st_size > 2 * 1024 * 1024
    found = measured(path)
    assert not found.exact
    assert found.size_bytes == pytest.approx(len(text), rel=0.1)


def test_a_row_over_the_limit_is_named_by_its_place(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b'id,text\n1,a\n2,"' + b"x" * (16 << 20))
    with pytest.raises(RecordTooLargeError, match=r"rows\.csv: the row at byte 12 is longer than 16777216 bytes"):
        measured(path)


def test_the_rows_of_parquet_are_estimated_by_its_batches(tmp_path: Path) -> None:
    table = pl.select(pl.int_range(150_000).alias("a")).with_columns(pl.col("a").alias(name) for name in "bcdefghij")
    table.write_parquet(tmp_path / "rows.parquet")
    found = measured(tmp_path / "rows.parquet")
    assert not found.exact
    assert found.rows == pytest.approx(150_000, rel=0.1)


def test_durations_and_sizes_are_spoken() -> None:
    assert [spoken(each) for each in (0.2, 59, 60, 3_600, 3_661, 86_400, 90_061)] == [
        "less than 1 s", "59 s", "1 min", "1 h", "1 h 1 min", "1 d", "1 d 1 h",
    ]  # fmt: skip
    assert [spoken_size(each) for each in (12, 6_291_456, 10**9)] == ["12 bytes", "6.3 MB", "1.0 GB"]
