import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_local.demo.demand import COLUMNS
from tailrace_local.demo.model import records
from tailrace_local.demo.model.records import RowError, parse

ROW = "1062,Beverages,Fruit Juice Mango,110,0.878183107,0,1,2018-01-31"


def failure(body: str | bytes) -> RowError:
    with pytest.raises(RowError) as caught:
        parse(body if isinstance(body, bytes) else body.encode())
    return caught.value


def with_cell(column: str, cell: str) -> str:
    cells = ROW.split(",")
    cells[COLUMNS.index(column)] = cell
    return ",".join(cells)


def test_a_row_is_read_into_columns() -> None:
    columns = parse(f"{ROW}\n".encode())
    assert (columns.product_code, columns.product_category) == (["1062"], ["Beverages"])
    assert (columns.product_subcategory, columns.location_code) == (["Fruit Juice Mango"], ["110"])
    assert (columns.scaled_price, columns.promotion_email, columns.promotion_homepage) == ([0.878183107], [0.0], [1.0])
    assert columns.days == [30]


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
rows = st.tuples(
    texts,
    texts,
    texts,
    texts,
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, 1]),
    st.sampled_from([0, 1]),
    st.dates(),
)


@given(data=st.lists(rows, max_size=8), end=st.sampled_from(["\n", "\r\n"]), last=st.booleans())
def test_whatever_a_csv_writer_writes_is_read_back(data: list[tuple[object, ...]], end: str, *, last: bool) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator=end, quoting=csv.QUOTE_MINIMAL).writerows(data)
    written = out.getvalue() if last else out.getvalue().removesuffix(end)
    if "\r" in written.replace("\r\n", "") and end == "\n":
        written = written.replace("\r", "")  # a lone CR outside of quotes is not CSV
        data = list(csv.reader(io.StringIO(written, newline="\n")))  # type: ignore[arg-type]  # texts now
    columns = parse(written.encode())
    assert columns.product_code == [row[0] for row in data]
    assert columns.product_subcategory == [row[2] for row in data]
    assert columns.scaled_price == [float(str(row[4])) for row in data]


@pytest.mark.parametrize("blank", ["\n", "\r\n", "   \n", "\n\n\n"])
def test_blank_lines_are_skipped_as_scikit_learns_container_does(blank: str) -> None:
    assert len(parse(f"{ROW}\n{blank}{ROW}\n{blank}".encode())) == 2


@pytest.mark.parametrize("body", ["", "\n", "\r\n\r\n", "  \n"])
def test_a_body_without_rows_has_none(body: str) -> None:
    assert len(parse(body.encode())) == 0


def test_a_byte_order_mark_is_no_part_of_the_first_product() -> None:
    assert parse(b"\xef\xbb\xbf" + ROW.encode()).product_code == ["1062"]


@pytest.mark.parametrize("column", ["scaled_price", "promotion_email", "promotion_homepage"])
@pytest.mark.parametrize("cell", ["n/a", "", "nan", "inf", "-1e999", "1_0", "0x1", "1 2"])
def test_a_cell_that_is_no_finite_number_is_named(column: str, cell: str) -> None:
    error = failure(f"{ROW}\n\n{with_cell(column, cell)}\n{ROW}\n")
    assert (error.line, error.column) == (3, column)
    assert (repr(cell) if cell else "empty") in str(error)
    assert str(error).startswith(f"line 3, column {column}: ")


@pytest.mark.parametrize("cell", ["2018-02-30", "yesterday", "", "31.01.2018", "2018-1-1"])
def test_a_timestamp_that_is_no_date_is_named(cell: str) -> None:
    error = failure(with_cell("timestamp", cell))
    assert (error.line, error.column) == (1, "timestamp")


@pytest.mark.parametrize("cell", ["2018-02-01", "2018-02-01T13:00:00", "2018-02-01 13:00:00+02:00"])
def test_a_date_may_carry_a_time(cell: str) -> None:
    assert parse(with_cell("timestamp", cell).encode()).days == [31]


@pytest.mark.parametrize("row", [ROW + ",1", ROW.rpartition(",")[0], '""', "x"])
def test_a_ragged_row_is_named_with_its_number_of_fields(row: str) -> None:
    error = failure(f"{ROW}\n{row}\n")
    assert (error.line, error.column) == (2, None)
    assert f"{len(row.split(','))} fields; the model takes 8" in str(error)


HEADER = ",".join(COLUMNS)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("rows", [f"{ROW}", f"{ROW}\n \n{ROW}"])
def test_a_header_at_the_start_is_not_scored(rows: str, end: str) -> None:
    text = rows.replace("\n", end)
    assert parse(f"{HEADER}{end}{text}".encode()) == parse(text.encode())


def test_a_header_anywhere_else_is_named_as_one() -> None:
    assert "header" in str(failure(f"{ROW}\r\n{HEADER}\r\n{ROW}\r\n"))


def test_the_line_is_where_the_record_starts_behind_quoted_newlines() -> None:
    long = with_cell("product_subcategory", '"a\n""b""\r\nc"')
    ragged = with_cell("product_subcategory", '"x\ny"') + ",9"
    error = failure(f"{long}\n{long}\n{ragged}\n")
    assert error.line == 7


@pytest.mark.parametrize("row", ['1,"open', '1,"a"b,2', "1\r2,3"])
def test_what_is_no_csv_is_named(row: str) -> None:
    error = failure(f"{ROW}\n{row}\n")
    assert error.line == 2
    assert "not CSV" in str(error)


def test_a_byte_that_is_no_text_is_named() -> None:
    error = failure(f"{ROW}\n".encode() + b"10\xff62,a\n")
    assert error.line == 2
    assert "0xff" in str(error)


def test_a_long_cell_is_shown_in_part() -> None:
    assert len(str(failure(with_cell("scaled_price", "9x" * 5000)))) < 200


cells = st.sampled_from(["1062", "0.5", "1", "", "n/a", "nan", "2018-01-01", "1_0", " 2 ", "٣", "2018-W01-1"])
lines = st.one_of(st.just(ROW), st.lists(cells, min_size=7, max_size=9).map(",".join), st.sampled_from(["", " "]))


@given(st.lists(lines, max_size=6))
def test_the_fast_way_refuses_exactly_what_the_careful_way_refuses(body: list[str]) -> None:
    text = "\n".join(body)
    try:
        expected: RowError | int = len(list(records._checked(text)))
    except RowError as error:
        expected = error
    if isinstance(expected, RowError):
        assert str(failure(text)) == str(expected)
    else:
        assert len(parse(text.encode())) == expected
