"""The layout of canaries in jobs whose settings say nothing of guards: those of older clients.

Up to N rows have a copy. The first copy is the last line and the second the first line; other
places are drawn. Chunks of two and three rows have one copy, which misses half of the disorders
that four guards always show (`AnswerShapes.check_order`).
"""

from __future__ import annotations

from tailrace_core.positions.canary_layout import CanaryLayout, drawn_layout

_MAX_DRAWS = 64
"""In the smallest chunks, one layout in three is asymmetric."""


def draw_unguarded(seed: str, rows_sent: int, canaries: int) -> CanaryLayout:
    """Draw the layout; the same seed draws the same one."""
    copies = unguarded_copies(rows_sent, canaries)
    layout = CanaryLayout(rows_sent)
    for number in range(_MAX_DRAWS * bool(copies)):
        layout = drawn_layout(f"{seed}.{number}", rows_sent, copies, (rows_sent + copies - 1, 0))
        if not layout.is_symmetric:
            break
    return layout


def unguarded_copies(rows: int, canaries: int) -> int:
    """Return the number of rows sent twice in a chunk of ``rows`` rows: at most half of them."""
    return min(canaries, rows // 2)
