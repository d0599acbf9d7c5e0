from __future__ import annotations

import pytest

from tailrace.waiting import FIRST_DELAY_S, LAST_DELAY_S, SLACK_S, Patience
from tailrace_core.errors import TimedOutError
from tailrace_core.jobs import Job, JobState


def job(**changes: float) -> Job:
    return Job(job_id="j", state=JobState.RUNNING, created_at=0, deadline_at=100, **changes)  # type: ignore[arg-type]  # fields by name


def test_delays_grow_to_a_bound() -> None:
    patience = Patience(started_at=0, timeout_s=None)
    delays = [patience.delay_s(job(), 0) for _ in range(20)]
    assert delays[0] == FIRST_DELAY_S
    assert delays == sorted(delays)
    assert delays[-1] == LAST_DELAY_S


def test_the_callers_timeout_ends_the_wait_and_is_not_overslept() -> None:
    patience = Patience(started_at=0, timeout_s=10)
    assert patience.delay_s(job(), 9.9) == pytest.approx(0.1)
    with pytest.raises(TimedOutError, match="it goes on"):
        patience.delay_s(job(), 10)


def test_a_wait_without_a_timeout_ends_some_time_after_the_deadline() -> None:
    patience = Patience(started_at=0, timeout_s=None)
    with pytest.raises(TimedOutError, match="reconciler"):
        patience.delay_s(job(), 100 + SLACK_S)


def test_giving_up_says_that_chunks_were_parked() -> None:
    with pytest.raises(TimedOutError, match="parked 2 times"):
        Patience(started_at=0, timeout_s=0).delay_s(job(times_parked=2), 1)
