from __future__ import annotations

import pytest

from tailrace.client.polling import FIRST_DELAY_S, MAX_DELAY_S, MIN_DELAY_S, SLACK_S, PollSchedule
from tailrace_core.errors import TimedOutError
from tailrace_core.jobs.model import Job, JobState


def job(deadline_at: float = 100, **changes: float) -> Job:
    return Job(job_id="j", state=JobState.RUNNING, created_at=0, deadline_at=deadline_at, **changes)  # type: ignore[arg-type]  # fields by name


def test_delays_grow_to_a_bound() -> None:
    schedule = PollSchedule(started_at=0, timeout_s=None)
    delays = [schedule.delay_s(job(), now) for now in range(100)]
    assert delays[0] == FIRST_DELAY_S
    assert delays == sorted(delays)
    assert delays[-1] == MAX_DELAY_S


def lateness(ends_at: float) -> tuple[float, int]:
    """How late the end of a job of steady pace is seen, and by how many looks."""
    schedule, now, looks = PollSchedule(started_at=0, timeout_s=None), 0.0, 1
    while now < ends_at:
        settled = int(1000 * now / ends_at)
        now += schedule.delay_s(job(rows_total=1000, rows_scored=settled, deadline_at=10_000.0), now)
        looks += 1
    return now - ends_at, looks


@pytest.mark.parametrize("ends_at", [1, 3, 10, 31, 100, 317, 1000, 3163])
def test_the_end_of_a_job_is_seen_at_once_when_its_pace_told_when_to_look(ends_at: float) -> None:
    late, looks = lateness(ends_at)
    assert late <= FIRST_DELAY_S
    assert looks <= 40 + ends_at / MAX_DELAY_S


def test_looks_become_rarer_when_what_is_last_hangs() -> None:
    schedule = PollSchedule(started_at=0, timeout_s=None)
    for now in range(60):
        schedule.delay_s(job(rows_total=60, rows_scored=now), now)
    delays = [schedule.delay_s(job(rows_total=60, rows_scored=59), 60 + number) for number in range(12)]
    assert MIN_DELAY_S < delays[0] < 1
    assert delays == sorted(delays)
    assert delays[-1] == MAX_DELAY_S


def test_a_job_that_is_settled_and_not_finished_is_looked_at_soon() -> None:
    schedule = PollSchedule(started_at=0, timeout_s=None)
    assert schedule.delay_s(job(rows_total=5, rows_scored=5), 0) == MIN_DELAY_S


def test_the_callers_timeout_ends_the_wait_and_is_not_overslept() -> None:
    schedule = PollSchedule(started_at=0, timeout_s=10)
    assert schedule.delay_s(job(), 9.9) == pytest.approx(0.1)
    with pytest.raises(TimedOutError, match="it goes on"):
        schedule.delay_s(job(), 10)


def test_a_wait_without_a_timeout_ends_some_time_after_the_deadline() -> None:
    schedule = PollSchedule(started_at=0, timeout_s=None)
    with pytest.raises(TimedOutError, match="reconciler"):
        schedule.delay_s(job(), 100 + SLACK_S)


def test_giving_up_says_that_chunks_were_parked() -> None:
    with pytest.raises(TimedOutError, match="parked 2 times"):
        PollSchedule(started_at=0, timeout_s=0).delay_s(job(times_parked=2), 1)
