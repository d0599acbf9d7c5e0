from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.console.snapshot import Sample
from tailrace.console.views.progress import progress
from tailrace_core.jobs.model import JobState
from tests.unit.producer.console.jobs import CREATED, job

COUNTS = st.integers(0, 10**6)


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_counters_add_up_to_the_rows_of_the_job(scored: int, rejected: int, cancelled: int, left: int) -> None:
    total = scored + rejected + cancelled + left
    found = progress(
        job(rows_total=total, rows_scored=scored, rows_rejected=rejected, rows_cancelled=cancelled), (), CREATED + 10
    )
    assert sum(each.rows for each in found.counters) == found.total == total
    assert found.settled == total - left


def test_the_rate_is_that_of_the_last_minute_and_gives_the_time_left() -> None:
    samples = [
        Sample(CREATED + each, each if each < 100 else 100 + 2 * (each - 100), 0, 0) for each in range(0, 200, 2)
    ]
    found = progress(job(rows_scored=samples[-1].scored), samples, CREATED + 199)
    assert found.rate == pytest.approx(2.0)
    assert found.left_s == pytest.approx((1_000 - samples[-1].scored) / 2)


def test_without_samples_the_rate_is_that_of_the_whole_job() -> None:
    assert progress(job(rows_scored=500), (), CREATED + 100).rate == pytest.approx(5.0)
    assert progress(job(), (), CREATED + 100).rate is None


def test_a_job_that_does_not_move_has_no_time_left() -> None:
    samples = [Sample(CREATED + each, 10, 0, 0) for each in range(0, 60, 2)]
    found = progress(job(rows_scored=10), samples, CREATED + 59)
    assert (found.rate, found.left_s) == (0.0, None)


def test_an_ended_job_has_the_rate_of_its_whole_life() -> None:
    found = progress(job(state=JobState.COMPLETED, rows_scored=1_000, finishing_at=CREATED + 50), (), CREATED + 10_000)
    assert (found.rate, found.left_s, found.late) == (20.0, None, False)


@pytest.mark.parametrize(
    ("now_s", "late", "in_danger"), [(100, False, False), (70_000, False, True), (86_400, True, False)]
)
def test_a_job_is_late_after_its_deadline_and_in_danger_before(now_s: float, *, late: bool, in_danger: bool) -> None:
    found = progress(job(rows_scored=500), (), CREATED + now_s)
    assert (found.late, found.in_danger) == (late, in_danger)
