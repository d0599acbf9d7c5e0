"""Strategies of the core's property-based tests."""

from __future__ import annotations

from hypothesis import strategies as st

from tailrace_core.jobs.ranges import MAX_ROWS, RowRange

JOB = "01HZX3T8Q5W6E7R8T9Y0ABCDEF"

job_ids = st.from_regex(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", fullmatch=True)


@st.composite
def row_ranges(draw: st.DrawFn) -> RowRange:
    first_row = draw(st.integers(0, MAX_ROWS - 1))
    return RowRange(first_row, draw(st.integers(1, MAX_ROWS - first_row)))
