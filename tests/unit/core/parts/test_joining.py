import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.errors import ContractError
from tailrace_core.parts.joining import blank_prediction, insert_blanks, join_lines, kept_lines


def batched(lines: list[bytes], sizes: list[int]) -> list[list[bytes]]:
    found, start = [], 0
    for size in sizes:
        found.append(lines[start : start + size])
        start += size
    return [batch for batch in [*found, lines[start:]] if batch]


ROWS = st.lists(st.none() | st.integers(0, 9).map(lambda number: b"%d" % number), min_size=1, max_size=40)
SIZES = st.lists(st.integers(1, 9), max_size=8)


@given(ROWS, SIZES, SIZES)
def test_each_row_has_its_kept_fields_and_its_prediction_or_a_blank(
    rows: list[bytes | None], cuts: list[int], other_cuts: list[int]
) -> None:
    predictions = batched([row for row in rows if row is not None], cuts)
    rejected = [position for position, row in enumerate(rows) if row is None]
    kept = [b'"k\n%d"' % position for position in range(len(rows))]

    filled = insert_blanks(predictions, rejected, len(rows), b"")
    part = b"".join(join_lines(filled, batched(kept, other_cuts)))

    assert part == b"".join(b'"k\n%d",%b\n' % (position, row or b"") for position, row in enumerate(rows))


@given(ROWS, SIZES)
def test_without_kept_columns_a_part_is_its_predictions(rows: list[bytes | None], cuts: list[int]) -> None:
    lines = [row or b'""' for row in rows]
    assert b"".join(join_lines(batched(lines, cuts), None)) == b"".join(line + b"\n" for line in lines)


def test_a_blank_line_is_never_empty() -> None:
    assert blank_prediction(1, kept=False) == b'""'
    assert blank_prediction(1, kept=True) == b""
    assert blank_prediction(3, kept=False) == b",,"


def test_kept_records_are_verbatim() -> None:
    body = b'a,"x\r\ny"\r\n\n"q""",\nlast'
    assert [line for lines in kept_lines([body], 4, "here") for line in lines] == [
        b'a,"x\r\ny"\r',
        b"",
        b'"q""",',
        b"last",
    ]


@pytest.mark.parametrize("rows", [1, 3])
def test_a_kept_object_of_another_length_is_refused(rows: int) -> None:
    with pytest.raises(ContractError, match=f"here holds 2 records for a chunk of {rows} rows"):
        list(kept_lines([b"a\nb\n"], rows, "here"))
