from __future__ import annotations

import io

import pytest
from rich.console import Console

from tailrace.progress import Progress
from tailrace.progress.bars import live
from tailrace.progress.text import describe


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_narrow_terminal_keeps_the_bar_and_the_time_in_one_line(width: int) -> None:
    moment = Progress(
        job_id="j", rows_read=12_345_678, bytes_read=3 * 10**9, bytes_total=9 * 10**9, chunks_planned=1_234,
        chunks_sent=1_200, chunks_skipped=1_000,
    )  # fmt: skip
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=False)
    bars = live(console)
    bars.add_task(describe(moment), total=9, completed=3)
    console.print(bars.get_renderable())
    (line,) = out.getvalue().splitlines()
    assert "\u2501" * 6 in line
    assert "0:00:00" in line or "-:--:--" in line
    assert "submitting: " in line
