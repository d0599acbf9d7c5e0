"""Guards: every shift of lines that reaches an end of the answer is shown, in chunks of any size."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tailrace_core.errors import AlignmentError
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.positions.canaries import check_copies, insert_copies
from tailrace_core.positions.canary_draws import draw_layout
from tailrace_core.positions.canary_layout import CanaryLayout

ADDED = b"a warning"


def shifts(lines: list[bytes]) -> Iterator[tuple[str, list[bytes]]]:
    """Yield every disorder that guards show, by name."""
    yield "reversed", lines[::-1]
    for at in range(len(lines)):
        yield f"rotated by {at}", lines[at:] + lines[:at]
        rest = lines[:at] + lines[at + 1 :]
        yield f"line {at} dropped, a line added at the end", [*rest, ADDED]
        yield f"line {at} dropped, a line added at the start", [ADDED, *rest]
        yield f"line {at} dropped, the last doubled", [*rest, rest[-1]]
        yield f"line {at} dropped, the first doubled", [rest[0], *rest]
        for kind, more in (("a line added", ADDED), (f"line {at} doubled", lines[at])):
            yield f"{kind} before line {at}, the last cut off", [*lines[:at], more, *lines[at:-1]]
            yield f"{kind} behind line {at}, the first cut off", [*lines[1 : at + 1], more, *lines[at + 1 :]]


def scored(lines: list[bytes], layout: CanaryLayout) -> list[bytes] | None:
    """Return the rows' predictions; None if the answer is refused."""
    try:
        return [line for batch in check_copies([list(lines)], layout, first_row=0) for line in batch]
    except AlignmentError:
        return None


@pytest.mark.parametrize("canaries", [1, 8])
@pytest.mark.parametrize("rows", [*range(2, 11), 33])
def test_no_shift_gives_a_row_the_prediction_of_another(rows: int, canaries: int) -> None:
    predictions = [b"%d" % row for row in range(rows)]
    for job in range(8 if rows > 3 else 1):
        layout = draw_layout(f"job{job}", RowRange(0, rows), rows, canaries)
        lines = insert_copies(predictions, layout)
        for name, wrong in shifts(lines):
            assert len(wrong) == layout.lines
            assert scored(wrong, layout) in (None, predictions), (name, layout)


@pytest.mark.parametrize("rows", [4, 5, 6, 7, 8, 100])
def test_every_job_finds_a_layout_that_shows_all(rows: int) -> None:
    for job in range(200):
        layout = draw_layout(f"job{job}", RowRange(0, rows), rows, 1)
        places = [each.copy_line for each in layout.canaries]
        assert places == [0, 1, layout.lines - 2, layout.lines - 1]
        first, second, third, fourth = (each.original_line for each in layout.canaries)
        assert not layout.is_symmetric
        assert second != first + 1
        assert fourth != third + 1
