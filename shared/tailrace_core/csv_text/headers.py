"""Headers: the treatment of a file's first record, and the column names in it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from enum import StrEnum

from tailrace_core.csv_text.records import outside_quotes, split_fields
from tailrace_core.errors import InputError

_SHOWN_CHARS = 120
_NUMBER = r"[+-]?(?:[0-9]+(?P<point>\.[0-9]*)?|(?P<fraction>\.[0-9]+))(?:[eE][+-]?[0-9]+)?"


class HeaderPolicy(StrEnum):
    """Treatment of the first record of each file."""

    STRIP = "strip"
    """A header; the model does not get it."""
    REPEAT = "repeat"
    """A header; the model gets it at the head of each chunk."""
    NONE = "none"
    """No header: the first record is data, and columns go by position."""


def column_names(record: bytes, policy: HeaderPolicy) -> tuple[str, ...]:
    """Return the column names, given the first record without its line end.

    Without a header they are ``column_1``, ``column_2`` and so on.

    Raises:
        InputError: the header is not UTF-8, is quoted wrongly, or names a column twice; or the
            record is Excel's line about the delimiter.
    """
    if policy is HeaderPolicy.NONE:
        _refuse_delimiter_line(record.decode(errors="replace"))
        return tuple(f"column_{position}" for position in range(1, len(split_fields(record)) + 1))
    return parse_header(record)


def parse_header(record: bytes) -> tuple[str, ...]:
    """Parse the names in a header record without its line end; names are unquoted.

    Raises:
        InputError: the header is not UTF-8, is blank, is quoted wrongly, names a column twice,
            holds a NUL or an unquoted carriage return, is no header but Excel's line about the
            delimiter, seems to be a row of numbers, or to be separated by something other than
            commas.
    """
    try:
        text = record.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"the header is not UTF-8 (at byte {error.start}); convert the file to UTF-8") from error
    if b"\r" in outside_quotes(record):
        raise InputError(
            f"the header holds a carriage return: {_shown(text)}; if lines end in CR alone, convert them to LF, for "
            "instance with tr '\\r' '\\n'"
        )
    if "\0" in text:
        raise InputError(f"the header holds a NUL byte: {_shown(text)}; the file is damaged, or no CSV")
    _refuse_delimiter_line(text)
    if not text.strip():
        raise InputError(
            "the header is a blank line: remove blank lines above it, or treat the file as one without a header"
        )
    names = parse_names(text)
    if len(names) == 1 and b'"' not in record and any(each in record for each in b";\t|"):
        raise InputError(
            f"the header is a single column, {_shown(text)}: is this really separated by commas? Convert the file, "
            "or name its delimiter in a recipe of tailrace prepare; if it is one name, quote it"
        )
    if b'"' not in record and reads_as_row(names):
        raise InputError(
            f"the header holds nothing but numbers, {_shown(text)}: if it is the first row, treat the file as one "
            "without a header; if these are names, quote one"
        )
    _refuse_duplicates(names)
    return names


def reads_as_row(names: Sequence[str]) -> bool:
    """Tell whether all names are numbers, not all of them whole ones, as years would be."""
    numbers = [re.fullmatch(_NUMBER, name.strip()) for name in names]
    return all(numbers) and any(each["point"] or each["fraction"] for each in numbers if each)


def _refuse_delimiter_line(text: str) -> None:
    """Refuse Excel's ``sep=,``, which may have another character or stand in quotes."""
    line = text.strip(' "')
    if len(line) == len("sep=,") and line[:4].lower() == "sep=" and not line[4].isalnum():
        raise InputError(
            "the first line is Excel's sep=, which names the delimiter and is neither header nor row: remove this "
            "line, and convert the file if the delimiter is not a comma"
        )


def parse_names(text: str) -> tuple[str, ...]:
    """Parse the names in one line of CSV, such as an option's value; quote a name with a comma.

    Raises:
        InputError: the text is not one record of CSV.
    """
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise InputError(
            f"not a list of column names ({error}): {_shown(text)}; quote names as RFC 4180 says"
        ) from error
    if len(rows) > 1:
        raise InputError(f"column names on more than one line: {_shown(text)}; write them on one")
    # The csv module reads an empty line as no record; here it is one empty name.
    return tuple(rows[0]) if rows and rows[0] else ("",)


def header_line(columns: tuple[str, ...]) -> bytes:
    """Return a header with its line end. A name is quoted where CSV needs it."""
    return ",".join(map(_quoted, columns)).encode() + b"\n"


def _shown(text: str) -> str:
    """Shorten a text for a message: it may be a whole file."""
    return repr(text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "…")


def _refuse_duplicates(names: tuple[str, ...]) -> None:
    seen: set[str] = set()
    for position, name in enumerate(names, start=1):
        if name in seen:
            first = names.index(name) + 1
            raise InputError(
                f"the header names a column twice: {_shown(name)} stands at positions {first} and {position}; "
                "rename one, or treat the file as one without a header"
            )
        seen.add(name)


def _quoted(name: str) -> str:
    if name and not any(character in name for character in ',"\r\n'):
        return name
    return '"' + name.replace('"', '""') + '"'
