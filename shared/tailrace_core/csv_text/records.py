"""Records and fields of CSV, as Python's ``csv.reader(newline="")`` finds them.

A quote opens a quoted field only where a field starts: after a comma, a line end, or at the start
of the input. Inside a quoted field a doubled quote stands for one quote, and commas and newlines
are data. Anywhere else a quote is an ordinary character, as in ``5" pipe``. A record ends at a
newline outside quoted fields; a carriage return before it belongs to the line end.

Readers disagree about a lone carriage return outside quotes: ``csv`` ends the record there, others
do not. Here the record goes on, and a quote after it opens a field; the pre-flight check rejects
such records.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from enum import Enum

# Possessive throughout: an unclosed quote costs one scan of the rest, not one from each position.
_CLOSE = rb'[^"]*+(?:""[^"]*+)*+(?:"|\Z)'
_QUOTED_REST = re.compile(_CLOSE)
# The pattern begins with the quote and looks behind it for the field start: the search for a
# literal is several times as fast.
_QUOTED_FIELD = re.compile(rb'"(?:(?<=[,\r\n]")|(?<=\A"))' + _CLOSE)
_LATER_QUOTED_FIELD = re.compile(rb'"(?<=[,\r\n]")' + _CLOSE)
_FIELD = rb'(?:"' + _CLOSE + rb")?+[^,\r\n]*+"
_RECORD = re.compile(rb"(?:" + _FIELD + rb"[,\r])*+" + _FIELD + rb"\n|(?s:.+)")
_SPLIT_FIELD = re.compile(rb"(?:" + _FIELD + rb"[\r\n])*+" + _FIELD)


class QuoteState(Enum):
    """Meaning of a quote at some point of the input."""

    FIELD_START = "field start"
    """The quote opens a quoted field or, directly after a closing quote, continues that field."""
    TEXT = "text"
    """The quote is an ordinary character."""
    QUOTED = "quoted"
    """The quote closes the quoted field, unless another quote follows."""


START = QuoteState.FIELD_START
"""State at the start of a record."""


def quoted_spans(data: bytes, state: QuoteState = START) -> Iterator[tuple[int, int]]:
    """Yield the start and stop of each quoted field in ``data``.

    A span reaches from the opening quote to the byte after the closing one. A field that was open
    before ``data`` starts at 0; an unclosed field stops at the end.
    """
    at = 0
    if state is QuoteState.QUOTED and data:
        at = _matched(_QUOTED_REST, data).end()
        yield 0, at
    pattern = _QUOTED_FIELD if state is QuoteState.FIELD_START else _LATER_QUOTED_FIELD
    for match in pattern.finditer(data, at):
        yield match.span()


def state_after(data: bytes, state: QuoteState = START) -> QuoteState:
    """Return the state after ``data``, which begins in ``state``."""
    if b'"' not in data and state is QuoteState.QUOTED:
        return state
    last = (0, 0)
    if b'"' in data:
        for span in quoted_spans(data, state):
            last = span
    return state_behind(data, last, state)


class QuoteFollower:
    """Follows the quote state of data that begin with a record at ``offset`` and come in blocks."""

    def __init__(self, offset: int = 0) -> None:
        self.state = START
        self.quote = offset
        """Where the quoted field that was last opened begins."""
        self._offset = offset
        self._just_closed = False

    def feed(self, data: bytes) -> None:
        """Follow the next block."""
        last = (0, 0)
        if b'"' in data:
            for last in quoted_spans(data, self.state):  # noqa: B007 - the last one counts
                pass
        if last[1]:
            start, stop = last
            # At the start, it goes on with the field before, or with one whose quote is doubled.
            if start or not (self.state is QuoteState.QUOTED or self._just_closed):
                self.quote = self._offset + start
            self._just_closed = stop == len(data)
        elif data:
            self._just_closed = False
        if last[1] or self.state is not QuoteState.QUOTED:
            self.state = state_behind(data, last, self.state)
        self._offset += len(data)


def state_behind(data: bytes, last: tuple[int, int], state: QuoteState) -> QuoteState:
    """Return the state after ``data``, which begins in ``state``, given its last quoted span.

    The span is (0, 0) if there is none.
    """
    start, stop = last
    if not data:
        return state
    if stop == len(data):
        opened = start + (state is not QuoteState.QUOTED or start > 0)
        closed = data[opened:stop].replace(b'""', b"").endswith(b'"')
        return QuoteState.FIELD_START if closed else QuoteState.QUOTED
    return QuoteState.FIELD_START if data[-1] in b",\r\n" else QuoteState.TEXT


def outside_quotes(data: bytes, state: QuoteState = START) -> bytes:
    """Replace each quoted field of ``data`` by a single quote; text after a closing quote stays."""
    pieces: list[bytes] = []
    at = 0
    for start, stop in quoted_spans(data, state):
        pieces.append(data[at:start])
        at = stop
    return b'"'.join([*pieces, data[at:]])


def count_records(data: bytes) -> int:
    """Count the records of ``data``; the last may lack its line end."""
    plain = outside_quotes(data) if b'"' in data else data
    return plain.count(b"\n") + (plain != b"" and not plain.endswith(b"\n"))


def split_records(data: bytes) -> list[bytes]:
    """Split ``data`` into records with their line ends; joined, they are ``data``."""
    if b'"' in data:
        return _RECORD.findall(data)
    return io.BytesIO(data).readlines()


def split_lines(data: bytes) -> list[bytes]:
    """Split ``data`` into records without their newlines; a carriage return before one stays."""
    if b'"' in data:
        return [record.removesuffix(b"\n") for record in split_records(data)]
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines


def split_fields(record: bytes) -> list[bytes]:
    """Split a record (without its line end) into fields, verbatim with quotes.

    Joined by commas, the fields are the record.
    """
    if b'"' not in record:
        return record.split(b",")
    fields: list[bytes] = []
    at = 0
    while True:
        match = _matched(_SPLIT_FIELD, record, at)
        fields.append(match.group())
        at = match.end() + 1
        if at > len(record):
            return fields


def last_record_end(data: bytes, state: QuoteState = START) -> tuple[int, QuoteState]:
    """Return the end of the last complete record (0 for none), and the state after ``data``."""
    if b'"' not in data:
        if state is QuoteState.QUOTED:
            return 0, state
        return data.rfind(b"\n") + 1, state_behind(data, (0, 0), state)
    spans = list(quoted_spans(data, state))
    after = state_behind(data, spans[-1] if spans else (0, 0), state)
    limit = len(data)
    for start, stop in reversed(spans):
        newline = data.rfind(b"\n", stop, limit)
        if newline >= 0:
            return newline + 1, after
        limit = start
    return data.rfind(b"\n", 0, limit) + 1, after


def first_record_end(data: bytes, state: QuoteState = START) -> int:
    """Return the offset at which the first complete record of ``data`` ends.

    Raises:
        ValueError: no record ends in ``data``.
    """
    at = 0
    for start, stop in quoted_spans(data, state):
        newline = data.find(b"\n", at, start)
        if newline >= 0:
            return newline + 1
        at = stop
    return data.index(b"\n", at) + 1


def first_not_utf8(data: bytes) -> int | None:
    """Return the offset of the first byte that is not UTF-8; None when all are."""
    if data.isascii():
        return None
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.start
    return None


def _matched(pattern: re.Pattern[bytes], data: bytes, at: int = 0) -> re.Match[bytes]:
    """Match a pattern at a position; for patterns that match everywhere."""
    match = pattern.match(data, at)
    assert match is not None  # noqa: S101  both patterns match the empty text
    return match
