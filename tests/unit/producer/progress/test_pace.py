"""The pace is that of the last minute, and tells the time left."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tailrace.operations.open_work import OpenWork
from tailrace.progress import DownloadProgress, JobProgress, Progress
from tailrace.progress.pace import Pace
from tailrace.progress.text import describer, shown_duration
from tailrace_core.jobs.model import Job, JobState


def test_a_pace_needs_a_second_and_something_done() -> None:
    pace = Pace()
    rates = [pace.per_s]
    for now, done in ((0, 0), (0.5, 100), (2, 100)):
        pace.add(now, done)
        rates.append(pace.per_s)
    assert rates == [None, None, None, 50]
    assert pace.left_s(200) == 2
    assert pace.left_s(None) is None


def test_a_pace_forgets_what_was_more_than_a_minute_ago() -> None:
    pace = Pace()
    for second in range(301):
        pace.add(second, 0 if second < 200 else (second - 200) * 10)
    assert pace.per_s == pytest.approx(10)


def test_a_pace_stands_still_when_nothing_happens() -> None:
    pace = Pace()
    pace.add(0, 0)
    pace.add(10, 100)
    pace.add(80, 100)
    assert pace.per_s is None


def test_a_count_that_begins_anew_begins_a_new_pace() -> None:
    pace = Pace()
    pace.add(0, 1_000)
    pace.add(5, 0)
    pace.add(7, 20)
    assert pace.per_s == 10


def test_each_kind_of_moment_has_its_own_pace() -> None:
    now = [0.0]
    describe = describer(lambda: now[0])
    job = Job(job_id="j", state=JobState.RUNNING, created_at=0, deadline_at=9, rows_total=1_000, chunks_in_flight=4)
    describe(Progress(job_id="j", bytes_read=0, bytes_total=4_096))
    describe(JobProgress(job))
    now[0] = 2.0
    submitted = describe(Progress(job_id="j", bytes_read=2_048, bytes_total=4_096))
    assert "1.0 KiB/s, about 2 s left" in submitted
    waited = describe(JobProgress(replace(job, rows_scored=190, rows_rejected=10)))
    assert waited == ("running: 200 of 1,000 rows, 10 rejected, 100 rows/s, about 8 s left, 4 chunks in flight")
    work = OpenWork("j", retrying_count=3)
    retried = describe(JobProgress(replace(job, rows_scored=190, rows_rejected=10, chunks_in_flight=1), work=work))
    assert retried.endswith("about 8 s left, 1 chunk in flight, 3 retrying")
    now[0] = 3.0
    ended = replace(job, state=JobState.CANCELLED, rows_scored=190, rows_cancelled=810, chunks_in_flight=0)
    assert describe(JobProgress(ended)) == "cancelled: 1,000 of 1,000 rows"
    assert "left" not in describe(DownloadProgress(job_id="j", rows=1, rows_total=2, size_bytes=1))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.6, "1 min 0 s"), (3_725, "1 h 2 min"), (90_000, "1 d 1 h"), (-5, "0 s")],
)
def test_durations_have_two_units_at_most(seconds: float, text: str) -> None:
    assert shown_duration(seconds) == text
