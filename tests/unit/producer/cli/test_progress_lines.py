from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from tailrace.progress import JobProgress, Progress
from tailrace.progress.bars import live
from tailrace.progress.pace import Pace
from tailrace.progress.text import describe
from tailrace_core.jobs.model import Job, JobState


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
    assert "\u2501" * (6 if width == 200 else 2) in line
    assert "0:00:00" in line or "-:--:--" in line
    assert "submitting: " in line


def test_eighty_columns_show_the_rows_the_rate_and_the_time_left() -> None:
    job = Job(job_id="j", state=JobState.RUNNING, created_at=0, deadline_at=9, rows_total=20_000, chunks_in_flight=46)
    pace = Pace()
    pace.add(0, 0)
    pace.add(3, 1_600)
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=False)
    bars = live(console)
    bars.add_task(describe(JobProgress(replace(job, rows_scored=1_600)), pace), total=9, completed=3)
    console.print(bars.get_renderable())
    assert "running: 1,600 of 20,000 rows, 533 rows/s, about 34 s left" in out.getvalue()
