"""Preparation against Python's own `csv` and `decimal`, over drawn tables."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.models.prepare.pipeline import in_order
from tailrace.models.prepare.preparing import prepare
from tailrace.models.prepare.raw_tables import read_fields
from tailrace_core.errors import InputError
from tests.unit.producer.models.prepare.tables import Expected, contents, expect, raw_cells, recipes

NAMES = ["a", "b c", "d"]


def prepared(text: str | bytes, recipe: dict[str, Any], **options: Any) -> tuple[bytes, Any]:
    out = io.BytesIO()
    done = prepare(text if isinstance(text, bytes) else text.encode(), out, recipe=recipe, **options)
    return out.getvalue(), done


@given(st.data())
def test_values_counts_and_untouched_bytes_are_those_of_csv_and_decimal(data: st.DataObject) -> None:
    columns = NAMES[: data.draw(st.integers(1, 3))]
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    rows = data.draw(
        st.lists(st.lists(raw_cells(), min_size=len(columns), max_size=len(columns)), min_size=1, max_size=8)
    )
    # Blank lines and comments are rejected; that is another test.
    rows = [[('""' if raw.strip() == "" else raw, text) for raw, text in row] for row in rows]
    rows = [[(f'"{raw}"' if raw[:1] == "#" else raw, text) for raw, text in row] for row in rows]
    recipe = data.draw(recipes(columns))
    lines = [",".join(raw for raw, _ in row) for row in rows]
    text = end.join([",".join(columns), *lines]) + data.draw(st.sampled_from(["", end]))
    wanted = expect(columns, [[(raw, cell if raw != '""' else "") for raw, cell in row] for row in rows], recipe)
    if wanted.unfit is not None:
        with pytest.raises(InputError, match="has no value from which"):
            prepared(text, recipe)
        return
    found, done = prepared(text, recipe)
    _check(found, done, wanted, end)


def _check(found: bytes, done: Any, wanted: Expected, end: str) -> None:
    body = found.partition(b"\n")[2]
    assert body == "".join(",".join(record) + end for record in wanted.records).encode()
    assert contents(found)[1:] == contents(body)
    counts = done.counts
    assert (counts.rows_written, counts.rows_dropped) == (len(wanted.records), wanted.dropped)
    assert list(done.first_reasons) == wanted.rejected[:10]
    for name, each in counts.columns.items():
        assert (each.missing, each.wrong, each.filled) == (
            wanted.missing[name],
            wanted.wrong[name],
            wanted.filled[name],
        )


def test_results_come_in_order_and_no_more_than_needed_are_ahead() -> None:
    taken: list[int] = []

    def items() -> Any:
        for number in range(50):
            taken.append(number)
            yield number

    ahead = []
    for number, result in enumerate(in_order(lambda item: item * 2, items(), workers=3)):
        assert result == 2 * number
        ahead.append(len(taken) - number)
    assert max(ahead) <= 4


@pytest.mark.parametrize("first", ["x", "x^2", "x\x01"])
@pytest.mark.parametrize("last", ["y", '"y"'])
def test_a_text_that_begins_like_a_compressed_one_is_read_as_it_is(first: str, last: str) -> None:
    recipe = {"input": {"header": False}, "columns": {"column_2": {"strip": True}}}
    found, _ = prepared(f"{first}, z ,{last}\n" * 2, recipe)
    assert found.partition(b"\n")[2] == f"{first},z,{last}\n".encode() * 2


def test_a_byte_order_mark_is_part_of_a_field() -> None:
    assert read_fields("\ufeff7,1\n".encode(), infer_schema=False).rows() == [("\ufeff7", "1")]


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_bytes(b"before")
    with pytest.raises(InputError, match="row 1 is not a finite number: 'x' in column 'b'"):
        prepare(b"a,b\n1,2\n3,x\n", out, recipe={"columns": {"b": {"to": "number", "on_error": "fail"}}})
    assert out.read_bytes() == b"before"
    assert [each.name for each in tmp_path.iterdir()] == ["out.csv"]


def test_a_median_between_infinities_is_none() -> None:
    recipe = {"columns": {"a": {"to": "number", "finite": False, "fill": "median"}}}
    with pytest.raises(InputError, match="has no value from which to compute its median"):
        prepared("a,b\n-inf,1\ninf,2\n,3\n", recipe)
