"""The window: waiting chunks, and the size and time of claims."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.jobs.model import JobState
from tailrace_core.jobs.window import MAX_CLAIMED, claim_size, claimable_chunks, must_wait, should_claim
from tests.unit.core.job_examples import new_job

WINDOWS = st.integers(1, 1_000)
COUNTS = st.integers(0, 2_000)


@given(st.integers(0, 10**6))
def test_without_a_window_nothing_waits(number: int) -> None:
    assert not must_wait(number, 0)


@given(WINDOWS, COUNTS)
def test_a_job_of_no_more_chunks_than_the_window_waits_for_nothing(window: int, number: int) -> None:
    assert must_wait(number, window) == (number >= window)


@given(WINDOWS, COUNTS, COUNTS)
def test_no_more_are_started_than_wait_and_fit(window: int, in_flight: int, waiting: int) -> None:
    count = claimable_chunks(new_job(chunks_in_flight=in_flight, chunks_waiting=waiting), window)
    assert 0 <= count <= min(waiting, MAX_CLAIMED)
    assert not count or in_flight + count <= window


@given(WINDOWS, st.integers(1, 2_000))
def test_whatever_waits_is_started_before_the_last_in_flight_is_gone(window: int, waiting: int) -> None:
    assert claimable_chunks(new_job(chunks_in_flight=window - claim_size(window), chunks_waiting=waiting), window)


@given(WINDOWS)
def test_the_window_stays_nearly_full(window: int) -> None:
    assert claim_size(window) == 1 or claim_size(window) * 8 <= window


@pytest.mark.parametrize("state", [JobState.CLOSING, JobState.FINISHING, JobState.CANCELLED])
def test_a_job_that_takes_no_results_starts_nothing(state: JobState) -> None:
    assert claimable_chunks(new_job(state=state, chunks_waiting=5), 8) == 0


@given(WINDOWS)
def test_the_producer_looks_once_a_bundle(window: int) -> None:
    looks = [number for number in range(window, window + 10 * claim_size(window)) if should_claim(number, window)]
    assert len(looks) == 10
    assert looks[-1] == window + 10 * claim_size(window) - 1
