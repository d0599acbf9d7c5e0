from __future__ import annotations

import pytest
from hypothesis import given

from tailrace_core.csv_text.headers import HeaderPolicy, column_names, parse_header, parse_names
from tailrace_core.errors import InputError
from tests.unit.csv_texts import Table, tables


@given(tables(min_rows=1))
def test_a_header_gives_the_names_that_were_written(table: Table) -> None:
    names = table.rows[0]
    quoted = ",".join('"' + name.replace('"', '""') + '"' for name in names).encode()
    if len(set(names)) == len(names):
        assert parse_header(quoted) == tuple(names)
    else:
        with pytest.raises(InputError, match="names a column twice"):
            parse_header(quoted)


@pytest.mark.parametrize(
    ("record", "names"),
    [
        (b"id,price", ("id", "price")),
        (b'"a,b","say ""hi""",c', ("a,b", 'say "hi"', "c")),
        (b'"two\nlines",b', ("two\nlines", "b")),
        (b",a,b", ("", "a", "b")),
        ("größe,😀".encode(), ("größe", "😀")),
        (b"only", ("only",)),
        (b'"one; name"', ("one; name",)),
        (b"a;b,c", ("a;b", "c")),
        (b"0,1,2", ("0", "1", "2")),
        (b"2023,2024", ("2023", "2024")),
        (b"1.5,x", ("1.5", "x")),
        (b"1.5,", ("1.5", "")),
        (b'"1.5",2.5', ("1.5", "2.5")),
        (b"1.2.3,v4.5", ("1.2.3", "v4.5")),
    ],
)
def test_known_headers(record: bytes, names: tuple[str, ...]) -> None:
    assert parse_header(record) == names


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (b"a,b,a", r"names a column twice: 'a' stands at positions 1 and 3; rename one"),
        (b"a,\xff", r"not UTF-8 \(at byte 2\)"),
        (b'a,"b', r"not a list of column names"),
        (b"a,b\r1,2\r3,4", r"lines end in CR alone"),
        (b"a;b", r"'a;b': is this really separated by commas\?"),
        (b"a\tb", r"is this really separated by commas\?"),
        (b"a|b", r"is this really separated by commas\?"),
        (b"a\0,b", r"holds a NUL byte"),
        (b"5.1,3.5,-1.4,0", r"nothing but numbers, '5.1,3.5,-1.4,0'"),
        (b".5", r"nothing but numbers"),
        (b"1,2e3, 3.", r"nothing but numbers"),
        (b"sep=,", r"names the delimiter"),
        (b'"sep=;"', r"names the delimiter"),
        (b"SEP=\t", r"names the delimiter"),
        (b"", r"the header is a blank line: remove blank lines above it"),
        (b"  ", r"the header is a blank line"),
    ],
)
def test_a_header_that_cannot_be_used_says_why(record: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_header(record)


@pytest.mark.parametrize("start", [b"a,b\r", b'a,"b', b'"a"b', b"a;b"])
def test_a_message_about_a_header_does_not_hold_the_whole_file(start: bytes) -> None:
    with pytest.raises(InputError) as caught:
        parse_header(start + b"1,2\r" * 100_000 if b"\r" in start else start + b"x" * 100_000)
    assert len(str(caught.value)) < 500


def test_excels_line_about_the_delimiter_is_no_row_either() -> None:
    with pytest.raises(InputError, match="names the delimiter"):
        column_names(b"sep=,", HeaderPolicy.NONE)
    assert column_names(b"sep=a", HeaderPolicy.NONE) == ("column_1",)


def test_without_a_header_columns_are_named_by_position() -> None:
    assert column_names(b'1,"2,3",', HeaderPolicy.NONE) == ("column_1", "column_2", "column_3")
    assert column_names(b"1,2", HeaderPolicy.STRIP) == ("1", "2")


def test_option_values_are_one_line_of_csv() -> None:
    assert parse_names('id,"a,b"') == ("id", "a,b")
    assert parse_names("") == ("",)
    with pytest.raises(InputError, match="more than one line"):
        parse_names("a\nb")
