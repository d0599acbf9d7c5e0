"""Draws the layout of a chunk's canaries from the job, the range and the number of rows sent.

Producer and consumers find the same layout without a record of it.

A chunk of two rows or more has four *guards*: copies at its first two and its last two lines.
A line that is dropped, doubled or added shifts all lines up to one end of the answer, where a guard
then stands beside its place. The added line may resemble the outer guard, the shifted one never
resembles the inner one as well. So these are always shown where all predictions differ, in chunks
of any size (`tests/unit/core/positions/test_guards.py` tries them all): a line dropped and a line
added or doubled at either end; a line added or doubled, and the line at either end cut off;
rotations; a reversal.
"""

from __future__ import annotations

from tailrace_core.jobs.ranges import RowRange
from tailrace_core.positions.canary_layout import CanaryLayout, drawn_layout, place_copies

MAX_CANARIES = 100
GUARDS = 4
MOST_LINES_OF_A_ROW = 3
"""A row of a chunk of two or three rows may have two copies; others have one at most."""
_SMALL = {2: (0, 1, 1, 0), 3: (0, 1, 2, 0)}
"""The rows of the guards, in the order of lines, where there are fewer rows than guards."""
_MAX_DRAWS = 200
"""Most layouts drawn. With four rows one in four shows all that guards show, with eight three."""


def copies_of(rows: int, canaries: int, *, guarded: bool = True) -> int:
    """Return the number of copies in a chunk of ``rows`` rows.

    At least four, and beyond them at most half of the rows. A single row has no copy, since one
    line has one position.
    """
    if not guarded:
        from tailrace_core.positions.unguarded_layout import unguarded_copies  # noqa: PLC0415 - only jobs of older clients

        return unguarded_copies(rows, canaries)
    return max(GUARDS, min(canaries, rows // 2)) if canaries and rows > 1 else 0


def rows_that_leave_room(limit: int, canaries: int, *, guarded: bool = True) -> int:
    """Return the largest number of rows that have at most ``limit`` lines with their copies."""
    rows = max(1, limit - max(canaries, GUARDS if canaries and guarded else 0))
    while rows < limit and rows + 1 + copies_of(rows + 1, canaries, guarded=guarded) <= limit:
        rows += 1
    return rows


def draw_layout(job_id: str, chunk: RowRange, rows_sent: int, canaries: int, *, guarded: bool = True) -> CanaryLayout:
    """Draw the layout of a chunk of which ``rows_sent`` rows are sent.

    ``canaries`` and ``guarded`` are settings of the job.
    """
    seed = f"{job_id}.{chunk.name}"
    if not guarded:
        from tailrace_core.positions.unguarded_layout import draw_unguarded  # noqa: PLC0415 - as above

        return draw_unguarded(seed, rows_sent, canaries)
    copies = copies_of(rows_sent, canaries)
    if not copies:
        return CanaryLayout(rows_sent)
    if rows_sent in _SMALL:
        return place_copies(rows_sent, dict(zip(_ends(rows_sent + copies), _SMALL[rows_sent], strict=True)))
    layout = CanaryLayout(rows_sent)
    for number in range(_MAX_DRAWS):
        layout = drawn_layout(f"{seed}.{number}", rows_sent, copies, _ends(rows_sent + copies))
        if not layout.is_symmetric and _guards_stand_apart(layout):
            break
    return layout


def _ends(lines: int) -> tuple[int, int, int, int]:
    return 0, 1, lines - 2, lines - 1


def _guards_stand_apart(layout: CanaryLayout) -> bool:
    """Tell whether the rows of both guards of an end stand side by side nowhere else.

    Shifted by a line, the pair would show the same there as at the end.
    """
    first, second, *_, third, fourth = layout.canaries
    before = {each.copy_line: each.row for each in layout.canaries}
    before |= {each.original_line: each.row for each in layout.canaries}
    return before.get(first.original_line + 1) != second.row and before.get(third.original_line + 1) != fourth.row
