"""One line of JSON Lines as a record of CSV: the values of an object under the columns' names.

A string is always quoted, and nothing else is, so that the text ``"7"`` and the number ``7`` stay
apart. A number is copied as it is written, ``true`` and ``false`` too. ``null`` and a key that is
missing are an empty field. A list or an object inside the row is its JSON text as it stands in the
line, quoted as a string is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from json.decoder import JSONDecodeError, scanstring  # type: ignore[attr-defined]  # it is there, and documented nowhere
from typing import Any, NoReturn

_BLANKS = b" \t\r\n"
_SPACE = rb"[ \t\r]*+"
_NUMBER = rb"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][-+]?[0-9]++)?+"
_TEXT = rb'[^"\\\x00-\x1f]*+'
_STRING = rb'"' + _TEXT + rb'(?:\\["\\/bfnrtu]' + _TEXT + rb')*+"'
_VALUE = rb"(" + _STRING + rb"|" + _NUMBER + rb"|true|false|null)"
_PAIR_END = rb"(?:,[ \t\r]*+(?=\")|(?=\}))"
"""A comma before another key, or nothing before the end of the object."""
_BLANK_TEXT = re.compile(r"[ \t\r\n]*+")
_NESTED = ("{", "[")
_SHOWN_CHARS = 80


class NoRowError(Exception):
    """A line is no row; its text is the reason, in a few stable words."""


def is_blank(line: bytes) -> bool:
    """Report whether a line holds nothing: readers of JSON Lines skip it."""
    return not line.strip(_BLANKS)


class JsonRows:
    """Turns lines into records of ``columns``.

    Most lines of a file are alike: they have their keys in the order of the first line, and no
    nested values. A pattern recognises them, and their values are copied byte for byte, but for
    strings with escapes. Others are parsed.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._positions = {name: position for position, name in enumerate(columns)}
        values = (re.escape(json.dumps(name, ensure_ascii=False).encode(errors="replace")) for name in columns)
        pairs = (b"(?:" + _SPACE.join((name, b":", _VALUE, _PAIR_END)) + b")?+" for name in values)
        self._alike = re.compile(_SPACE + rb"\{" + _SPACE + b"".join(pairs) + rb"\}" + _SPACE)
        self._is_single = len(columns) == 1

    def record(self, line: bytes) -> bytes:
        """Return the record of a line, both without line ends.

        ``line`` need not be UTF-8 in an object that the pattern recognises: the caller checks it.

        Raises:
            NoRowError: the line is blank, is no JSON object, or has keys that are no columns.
        """
        alike = self._alike.fullmatch(line)
        if alike is None:
            return self._parsed(line)
        values = alike.groups(b"")
        if b"\\" in line:
            try:
                values = tuple(_unescaped(value) if b"\\" in value else value for value in values)
            except (JSONDecodeError, UnicodeError):
                return self._parsed(line)  # which gives the reason
        if b"null" in line:
            values = tuple(b"" if value == b"null" else value for value in values)
        return self._joined(b",".join(values))

    def _parsed(self, line: bytes) -> bytes:
        fields = [""] * len(self._positions)
        for name, field in row_items(line):
            position = self._positions.get(name)
            if position is None:
                raise NoRowError(f"unknown key {_shown(name)}")
            fields[position] = field
        try:
            return self._joined(",".join(fields).encode())
        except UnicodeEncodeError:
            raise NoRowError("half of a surrogate pair, which is no character") from None

    def _joined(self, record: bytes) -> bytes:
        # CSV readers skip a blank line.
        return b'""' if self._is_single and not record else record


def no_row(line: bytes, columns: int) -> bytes:
    """Return the record that stands for a line that is no row: the whole line as one field.

    It never has as many fields as there are ``columns``.
    """
    field = b'"' + line.replace(b'"', b'""') + b'"'
    return field + b"," if columns == 1 else field


def line_of(record: bytes, columns: int) -> bytes | None:
    """Return the line that a record of `no_row` stands for; None for the record of a row."""
    field = record.removesuffix(b",") if columns == 1 else record
    line = field[1:-1].replace(b'""', b'"')
    return line if no_row(line, columns) == record and (columns > 1 or field != record) else None


def row_items(line: bytes) -> list[tuple[str, str]]:
    """Parse a line to its keys, in order, and the CSV field of each value.

    Raises:
        NoRowError: it is blank, is no JSON object, or has a key twice.
    """
    if is_blank(line):
        raise NoRowError("blank line")
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise NoRowError(f"not UTF-8 ({line[error.start]:#04x} at byte {error.start} of the line)") from None
    try:
        found = _items(text)
    except JSONDecodeError as error:
        raise NoRowError(f"no JSON: {error.msg[:1].lower()}{error.msg[1:]} (at character {error.pos})") from None
    except RecursionError:
        raise NoRowError("no JSON that can be read: nested too deeply") from None
    seen: set[str] = set()
    for name, _ in found:
        if name in seen:
            raise NoRowError(f"key {_shown(name)} twice")
        seen.add(name)
    return found


def _items(text: str) -> list[tuple[str, str]]:
    at = _behind_blanks(text, 0)
    if text[at] != "{":
        _scan_value(text, at)
        raise NoRowError("no JSON object")
    found: list[tuple[str, str]] = []
    at = _behind_blanks(text, at + 1)
    if text[at : at + 1] == "}":
        at = _behind_blanks(text, at + 1)
    else:
        more = True
        while more:
            item, at = _item(text, at)
            found.append(item)
            more = text[at : at + 1] == ","
            if not more and text[at : at + 1] != "}":
                raise JSONDecodeError("Expecting ',' delimiter", text, at)
            at = _behind_blanks(text, at + 1)
    if at < len(text):
        raise JSONDecodeError("Extra data", text, at)
    return found


def _item(text: str, at: int) -> tuple[tuple[str, str], int]:
    """Parse a key and its value; return also where the comma or brace behind them should stand."""
    if text[at : at + 1] != '"':
        raise JSONDecodeError("Expecting property name enclosed in double quotes", text, at)
    name, at = scanstring(text, at + 1)
    at = _behind_blanks(text, at)
    if text[at : at + 1] != ":":
        raise JSONDecodeError("Expecting ':' delimiter", text, at)
    start = _behind_blanks(text, at + 1)
    value, stop = _scan_value(text, start)
    begin = text[start]
    if begin == '"':
        field = _quoted(value)
    elif begin in _NESTED:
        field = _quoted(text[start:stop])
    else:
        field = "" if value is None else text[start:stop]
    return (name, field), _behind_blanks(text, stop)


def _scan_value(text: str, at: int) -> tuple[Any, int]:
    try:
        value, stop = _SCANNER(text, at)
    except StopIteration as error:
        raise JSONDecodeError("Expecting value", text, error.value) from None
    return value, stop


def _refuse_constant(name: str) -> NoReturn:
    raise NoRowError(f"no JSON: {name} is no number there")


# Numbers stay text: a float would lose digits, and a very long number is no fault.
_SCANNER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_refuse_constant).scan_once  # type: ignore[attr-defined]


def _behind_blanks(text: str, at: int) -> int:
    found = _BLANK_TEXT.match(text, at)
    assert found is not None  # noqa: S101 - it matches the empty text
    return found.end()


def _unescaped(value: bytes) -> bytes:
    """Return the field of a string with escapes."""
    return _quoted(scanstring(value.decode(), 1)[0]).encode()


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _shown(name: str) -> str:
    """Return a key for a reason: pure ASCII, and not too long."""
    text = json.dumps(name)
    return text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "…"
