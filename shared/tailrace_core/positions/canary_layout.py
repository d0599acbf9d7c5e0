"""The layout of a chunk's canaries: the rows that are sent twice, and the places of their copies.

It follows from the job, the range and the number of rows sent, so that producer and consumers find
the same one without a record of it. Rows and places are drawn by a hash, with two exceptions: the
first copy is the last line, and the second copy the first line. Whatever moves all lines behind or
before some row then moves one of these. A layout that a reversal or a rotation of the answer maps
onto itself would not show it, and is drawn again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

from tailrace_core.jobs.ranges import RowRange

MAX_CANARIES = 100
LEAST_ROWS_OF_TWO_COPIES = 4
"""Fewer rows have one copy at most, which misses half of what two copies always show."""
_MAX_DRAWS = 64
"""In the smallest chunks, one layout in three is asymmetric."""


@dataclass(frozen=True, slots=True)
class Canary:
    """A row sent twice. Rows and lines count from 0; lines do not count a header."""

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


def copies_of(rows: int, canaries: int) -> int:
    """Return the number of rows sent twice in a chunk of ``rows`` rows.

    At most half of them: the same pairs for all rows would look alike in another order. A single
    row has no copy, since one line has one position.
    """
    return min(canaries, rows // 2)


def rows_that_leave_room(limit: int, canaries: int) -> int:
    """Return the largest number of rows that have at most ``limit`` lines with their copies."""
    if not canaries:
        return limit
    of_small_chunks = 2 * (limit // 3) + (limit % 3 > 0)
    return max(limit - canaries, of_small_chunks, 1)


def draw_layout(job_id: str, chunk: RowRange, rows_sent: int, canaries: int) -> CanaryLayout:
    """Draw the layout of a chunk: up to ``canaries`` of its ``rows_sent`` rows are sent twice."""
    copies = copies_of(rows_sent, canaries)
    if not copies:
        return CanaryLayout(rows_sent)
    layout = CanaryLayout(rows_sent)
    for number in range(_MAX_DRAWS):
        layout = _draw(f"{job_id}.{chunk.name}.{number}", rows_sent, copies)
        if not _is_symmetric(layout):
            break
    return layout


def _draw(seed: str, rows: int, copies: int) -> CanaryLayout:
    lines = rows + copies
    numbers = (_number(seed, each) for each in count())
    places = [lines - 1, 0][:copies]
    while len(places) < copies:
        place = next(numbers) % lines
        if place not in places:
            places.append(place)
    chosen: list[int] = []
    while len(chosen) < copies:
        row = next(numbers) % rows
        if row not in chosen:
            chosen.append(row)
    taken = sorted(places)
    canaries = [Canary(row, _line(row, taken), place) for row, place in zip(chosen, places, strict=True)]
    return CanaryLayout(rows, tuple(sorted(canaries, key=lambda each: each.copy_line)))


def _number(seed: str, at: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}.{at}".encode()).digest()[:8], "big")


def _line(row: int, copies: Iterable[int]) -> int:
    """Return the line of a row, given the lines of the copies in order."""
    line = row
    for copy in copies:
        line += copy <= line
    return line


def _is_symmetric(layout: CanaryLayout) -> bool:
    """Tell whether a reversal or a rotation of all lines maps the pairs of lines onto pairs."""
    lines = layout.lines
    pairs = {frozenset((each.original_line, each.copy_line)) for each in layout.canaries}
    if all(frozenset(lines - 1 - line for line in pair) in pairs for pair in pairs):
        return True
    first = layout.canaries[0].copy_line
    shifts = {(line - first) % lines for pair in pairs for line in pair} - {0}
    return any(all(frozenset((line + shift) % lines for line in pair) in pairs for pair in pairs) for shift in shifts)
