"""The layout of a chunk's canaries: rows that are sent again, and the places of the copies."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count


@dataclass(frozen=True, slots=True)
class Canary:
    """A row sent again. Rows and lines count from 0; lines do not count a header."""

    row: int
    """The row's number among the rows sent."""
    original_line: int
    copy_line: int


@dataclass(frozen=True, slots=True)
class CanaryLayout:
    """The canaries of one chunk, in the order of their copies' lines."""

    rows: int
    """Rows sent, without the copies."""
    canaries: tuple[Canary, ...] = ()

    @property
    def lines(self) -> int:
        """Lines sent: rows and copies, without a header."""
        return self.rows + len(self.canaries)

    @property
    def is_symmetric(self) -> bool:
        """True if a reversal or a rotation of all lines maps the pairs of lines onto pairs.

        No pair shows it then. Each row has one copy at most.
        """
        lines = self.lines
        pairs = {frozenset((each.original_line, each.copy_line)) for each in self.canaries}
        if all(frozenset(lines - 1 - line for line in pair) in pairs for pair in pairs):
            return True
        first = self.canaries[0].copy_line
        shifts = {(line - first) % lines for pair in pairs for line in pair} - {0}
        return any(
            all(frozenset((line + shift) % lines for line in pair) in pairs for pair in pairs) for shift in shifts
        )


def place_copies(rows: int, row_of: Mapping[int, int]) -> CanaryLayout:
    """Return the layout with a copy of the row ``row_of[line]`` at each of these lines."""
    places = sorted(row_of)
    return CanaryLayout(rows, tuple(Canary(row_of[line], _line(row_of[line], places), line) for line in places))


def drawn_layout(seed: str, rows: int, copies: int, places: Iterable[int]) -> CanaryLayout:
    """Draw a layout with the first copies at these lines; the same seed draws the same one."""
    lines = rows + copies
    numbers = (_drawn_number(seed, each) for each in count())
    copy_lines = list(places)[:copies]
    while len(copy_lines) < copies:
        line = next(numbers) % lines
        if line not in copy_lines:
            copy_lines.append(line)
    chosen: list[int] = []
    while len(chosen) < copies:
        row = next(numbers) % rows
        if row not in chosen:
            chosen.append(row)
    return place_copies(rows, dict(zip(copy_lines, chosen, strict=True)))


def _drawn_number(seed: str, at: int) -> int:
    """Return the number that a hash draws for this seed at this place of its sequence."""
    return int.from_bytes(hashlib.sha256(f"{seed}.{at}".encode()).digest()[:8], "big")


def _line(row: int, copies: Iterable[int]) -> int:
    """Return the line of a row, given the lines of the copies in order."""
    line = row
    for copy in copies:
        line += copy <= line
    return line
