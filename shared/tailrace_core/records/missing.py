"""Missing values: rows that hold a token such as ``NA`` in a column that is sent.

A field is compared by its content, so ``NA`` and ``"NA"`` are the same, and exactly: ``na`` and
`` NA`` are other values. NumPy compares all fields of a window at once.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tailrace_core.records.bitmaps import Octets
from tailrace_core.records.cutting import Window
from tailrace_core.records.fields import Positions, delimiters

_NEWLINE, _RETURN = b"\n\r"


@dataclass(frozen=True, slots=True)
class MissingValues:
    """Tokens of missing values, and the names of the columns to search.

    An empty token stands for an empty field.
    """

    tokens: tuple[str, ...]
    columns: tuple[str, ...]

    def find(self, data: bytes, window: Window) -> dict[int, str]:
        """Return the rows that hold a token, each with its reason; rows count in the window.

        Each record has one field for each column. The reason names the first column with a token.
        """
        if not self._may_hold(data, window):
            return {}
        fields = _Fields(data, window)
        found: dict[int, tuple[int, str]] = {}
        for token in self.tokens:
            for field in fields.equal(token.encode()).tolist():
                row, column = divmod(field, len(self.columns))
                found[row] = min(found.get(row, (column, token)), (column, token))
        return {
            row: f"missing value {token!r} in column {self.columns[column]!r}"
            for row, (column, token) in sorted(found.items())
        }

    def _may_hold(self, data: bytes, window: Window) -> bool:
        """Report whether a search for the tokens does not prove that no field holds one.

        An empty field or a quoted one cannot be searched for.
        """
        if "" in self.tokens or window.structure.inside is not None:
            return True
        return any(data.find(token.encode(), window.start, window.stop) >= 0 for token in self.tokens)


class _Fields:
    """Starts and lengths of all fields of a window, in order."""

    def __init__(self, data: bytes, window: Window) -> None:
        text = data[window.start : window.stop]
        if not text.endswith(b"\n"):
            text += b"\n"
        self._text = text
        self._values: Octets = np.frombuffer(text, np.uint8)
        stops = delimiters(self._values, window.structure)
        self._starts = np.concatenate([[0], stops[:-1] + 1])
        self._lengths = stops - self._starts
        if b"\r" in text:
            at_end = (self._values[stops] == _NEWLINE) & (self._values[stops - 1] == _RETURN)
            self._lengths -= at_end & (self._lengths > 0)
        self._has_quotes = window.structure.inside is not None

    def equal(self, token: bytes) -> Positions:
        """Return the numbers of the fields with this content, in no order."""
        plain = np.flatnonzero(self._lengths == len(token))
        # A field that begins with a quote is quoted; it is compared below.
        plain = plain[:0] if token.startswith(b'"') else self._holding(plain, token)
        if not self._has_quotes:
            return plain
        # Quotes around the token, and perhaps each of its own quotes doubled.
        longest = len(token) + 2 + token.count(b'"')
        quoted = np.flatnonzero((self._lengths >= len(token) + 2) & (self._lengths <= longest))
        quoted = self._holding(quoted, b'"')
        usual = self._holding(quoted[self._lengths[quoted] == len(token) + 2], b'"' + token + b'"')
        if b'"' in token:
            usual = usual[:0]
        odd = [number for number in self._odd(np.setdiff1d(quoted, usual)) if self._content(number) == token]
        return np.concatenate([plain, usual, np.array(odd, np.int64)])

    def _holding(self, numbers: Positions, text: bytes) -> Positions:
        """Return those of some fields that begin with ``text``; none is shorter."""
        for at, octet in enumerate(text):
            numbers = numbers[self._values[self._starts[numbers] + at] == octet]
        return numbers

    def _odd(self, numbers: Positions) -> Iterator[int]:
        """Yield those of some quoted fields that hold a quote between their first and last byte."""
        for number in numbers.tolist():
            start = int(self._starts[number])
            if self._text.find(b'"', start + 1, start + int(self._lengths[number]) - 1) >= 0:
                yield number

    def _content(self, number: int) -> bytes:
        start = int(self._starts[number])
        field = self._text[start : start + int(self._lengths[number])].decode("latin-1")
        rows: Sequence[Sequence[str]] = list(csv.reader([field]))
        return rows[0][0].encode("latin-1")
