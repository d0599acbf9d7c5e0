"""The quick proof that all fields are numbers says so of numbers only."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.answers.shape import are_decimals, is_number

_FIELDS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(lambda number: f"{number:.3f}".encode()),
    st.integers().map(lambda number: str(number).encode()),
    st.text("0123.-e+_ \r", max_size=5).map(str.encode),
)


@given(st.integers(1, 3), st.data())
def test_proved_fields_are_numbers(columns: int, data: st.DataObject) -> None:
    row = st.lists(_FIELDS, min_size=columns, max_size=columns).map(b",".join).filter(bool)
    lines = data.draw(st.lists(row, min_size=1, max_size=4))
    text = b"\n".join(lines) + data.draw(st.sampled_from([b"", b"\n"]))
    if are_decimals(text, len(lines), columns):
        assert all(is_number(field) for line in lines for field in line.split(b","))


@given(st.integers(1, 3), st.integers(1, 5), st.data())
def test_plain_decimals_are_proved(columns: int, rows: int, data: st.DataObject) -> None:
    numbers = st.floats(allow_nan=False, allow_infinity=False).map(lambda number: f"{number:.3f}".encode())
    lines = [b",".join(data.draw(numbers) for _ in range(columns)) for _ in range(rows)]
    assert are_decimals(b"\n".join(lines), rows, columns)
    assert are_decimals(b"".join(line + b"\n" for line in lines), rows, columns)
