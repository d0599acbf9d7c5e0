"""Rows in JSON from records of CSV, and back.

A field that is a number in JSON is that number, digit for digit; an empty field is null; all others
are strings. In CSV read from typed sources (`SourceFormat.JSONL`), a field in quotes is a string
whatever it holds, and ``true`` and ``false`` without quotes are themselves.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

_NUMBER = rb"-?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?+[0-9]++)?+"
_IS_NUMBER = re.compile(_NUMBER)
_ALL_NUMBERS = re.compile(rb"(?:(?:" + _NUMBER + rb")?+[,\n])*+")
_HOLES = (b",,", b",\n", b"\n,", b"\n\n")
_ALL_STRINGS = re.compile(rb'(?:"[^"\\\0-\x1f]*+",)*+')
"""Fields in quotes that are strings in JSON as they stand."""
_ESCAPED = re.compile(rb'["\\\0-\x1f]')
_FIELDS = re.compile(rb'((?:"[^"]*+(?:""[^"]*+)*+"?+)?+[^,\r\n]*+)(?:,|\r?+\n)')
_QUOTED = re.compile(rb'"([^"]*+(?:""[^"]*+)*+)"?')
_NEEDS_QUOTES = re.compile(r'[,"\r\n]|\A#|\A\s*\Z')


class _Literal(str):
    """A number as it is written."""

    __slots__ = ()


class RequestRows:
    """Writes records of CSV as JSON values, one a line, and reads them.

    ``columns`` are the names of the fields, in order; ``before`` and ``after`` stand around each
    value in its line. With ``by_name`` a value is an object, else a list.
    """

    def __init__(self, columns: Sequence[str], *, by_name: bool, typed: bool, before: bytes, after: bytes) -> None:
        self._columns = tuple(columns)
        self._by_name = by_name
        self._typed = typed
        self._before, self._after = before, after
        names = [json.dumps(name, ensure_ascii=False).encode() + b":" if by_name else b"" for name in columns]
        opens, closes = (b"{", b"}") if by_name else (b"[", b"]")
        fields = b",".join(name.replace(b"%", b"%%") + b"%b" for name in names)
        around = (each.replace(b"%", b"%%") for each in (before, after))
        self._line = next(around) + opens + fields + closes + next(around) + b"\n"
        self._opens, self._closes = before + opens, closes + after

    @property
    def least_bytes(self) -> int:
        """Size of the shortest line: each field has one byte at least."""
        return len(self._line % ((b"0",) * len(self._columns)))

    def encode(self, data: bytes) -> bytes:
        """Return the records of ``data`` as lines, each with its newline.

        Each record has a field for each column. Columns of nothing but numbers are copied as they
        are.
        """
        text = data if data.endswith(b"\n") or not data else data.removesuffix(b"\r") + b"\n"
        width = len(self._columns)
        if b'"' in text:
            fields, numbers = _FIELDS.findall(text), False
        else:
            text = text.replace(b"\r\n", b"\n")
            numbers = _ALL_NUMBERS.fullmatch(text) is not None
            if numbers and not (self._by_name or _has_holes(text)):
                between = self._closes + b"\n" + self._opens
                return self._opens + text[:-1].replace(b"\n", between) + self._closes + b"\n"
            fields = text.replace(b"\n", b",").split(b",")
            fields.pop()
        if numbers:
            fields = _without_holes(fields)
        else:
            for column in range(width):
                fields[column::width] = self._values(fields[column::width])
        return (self._line * (len(fields) // width)) % tuple(fields)

    def decode(self, lines: Iterable[bytes]) -> list[bytes]:
        """Return the records of lines, each with its newline.

        A field is written as a source writes its value: in quotes where it has to be, and for typed
        sources if it is a string. A line that holds no row is one field.
        """
        rows = [line.rstrip(b"\n").removeprefix(self._before) for line in lines]
        texts = [row.removesuffix(self._after) if self._after else row for row in rows]
        try:
            values = _loads(b"[" + b",".join(texts) + b"]")
        except ValueError:
            values = [_loads_or_text(text) for text in texts]
        return [self._record(value) for value in values]

    def _values(self, fields: list[bytes]) -> list[bytes]:
        """Return the values of a column; those of one kind are checked together."""
        text = b",".join((*fields, b""))
        if _ALL_NUMBERS.fullmatch(text):
            return _without_holes(fields)
        if not _ESCAPED.search(text) and not self._typed:
            return [field if _IS_NUMBER.fullmatch(field) else b'"%b"' % field if field else b"null" for field in fields]
        if self._typed and _ALL_STRINGS.fullmatch(text):
            return fields
        return list(map(_Memo(self._typed).__getitem__, fields))

    def _record(self, value: Any) -> bytes:
        if self._by_name and isinstance(value, dict):
            value = [value.get(name) for name in self._columns]
        if not isinstance(value, list):
            value = [value]
        record = ",".join(map(self._field, value)).encode()
        # A blank line would be skipped by readers.
        return (record or (b"" if self._typed else b'""')) + b"\n"

    def _field(self, value: Any) -> str:
        if value is None:
            return ""
        if isinstance(value, _Literal):
            return value
        if isinstance(value, bool):
            return "true" if value else "false"
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return '"' + text.replace('"', '""') + '"' if self._typed or _NEEDS_QUOTES.search(text) else text


def _has_holes(text: bytes) -> bool:
    return text[:1] in b",\n" or any(each in text for each in _HOLES)


def _without_holes(fields: list[bytes]) -> list[bytes]:
    return [field or b"null" for field in fields] if b"" in fields else fields


class _Memo(dict[bytes, bytes]):
    """Values of fields; of the same field again at the cost of a look-up."""

    def __init__(self, typed: bool) -> None:  # noqa: FBT001 - it has no other argument
        super().__init__()
        self._typed = typed

    def __missing__(self, field: bytes) -> bytes:
        value = self[field] = _value(field, typed=self._typed)
        return value


def _value(field: bytes, *, typed: bool) -> bytes:
    text = field
    if field.startswith(b'"'):
        text = _unquoted(field)
        if typed:
            return _string(text)
    if not text:
        return b"null"
    if _IS_NUMBER.fullmatch(text) or (typed and text in {b"true", b"false"}):
        return text
    return _string(text)


def _string(text: bytes) -> bytes:
    return json.dumps(text.decode(errors="replace"), ensure_ascii=False).encode()


def _unquoted(field: bytes) -> bytes:
    match = _QUOTED.match(field)
    # Text behind the closing quote belongs to the field.
    return field if match is None else match.group(1).replace(b'""', b'"') + field[match.end() :]


def _loads(text: bytes) -> list[Any]:
    found: list[Any] = json.loads(text, parse_int=_Literal, parse_float=_Literal, parse_constant=_Literal)
    return found


def _loads_or_text(text: bytes) -> Any:
    try:
        return _loads(text)
    except (ValueError, RecursionError):
        return text.decode(errors="replace")
