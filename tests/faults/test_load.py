"""The ledger under load, in virtual time; `make torture LOAD=1` runs larger cases."""

from __future__ import annotations

from tests.faults.load.backlog import work_off
from tests.faults.load.contention import FORMER_POLICY, contend
from tests.faults.load.cutting import UNITS_A_SECOND, cut

RATE = 300
LONGEST_WAIT_S = 30


def test_a_hundred_functions_settle_one_job_at_a_good_rate_and_none_waits_long() -> None:
    report = contend(3_000, 100)
    assert report.rate >= RATE, report
    assert report.longest_wait_s <= LONGEST_WAIT_S, report
    assert report.gave_up == 0, report


def test_settled_one_by_one_with_few_tries_they_starve() -> None:
    """Shows that the simulation sees the contention that settling together avoids."""
    report = contend(1_000, 100, together=False, policy=FORMER_POLICY)
    assert report.gave_up > 0, report
    assert report.longest_wait_s > 10 * LONGEST_WAIT_S, report


def test_a_job_with_a_window_is_settled_and_filled_without_a_long_wait() -> None:
    report = contend(1_000, 20, window=200)
    assert report.gave_up == 0, report
    assert report.longest_wait_s <= LONGEST_WAIT_S, report


def test_a_backlog_is_worked_off_at_a_rate_that_takes_a_hundred_thousand_chunks_in_an_hour() -> None:
    report = work_off(12_000)
    assert report.chunks / report.minutes >= 100_000 / 60, report
    assert report.small_minutes <= 1, report
    assert report.expired_minutes <= 5, report


def test_hundreds_of_functions_record_their_stripes_within_the_limits_of_one_partition() -> None:
    report = cut(100, 100, chunks_per_stripe=16)
    assert report.gave_up == 0, report
    assert report.longest_record_s <= 60, report
    assert report.job_writes_a_second <= UNITS_A_SECOND / 10, report
    assert report.in_flight >= 150, report


def test_with_a_transaction_for_each_chunk_they_take_much_longer() -> None:
    """Shows that the simulation sees what recording a stripe together avoids."""
    together, one_by_one = (cut(24, 24, chunks_per_stripe=12, together=each) for each in (True, False))
    assert one_by_one.cut_s > 2 * together.cut_s, (one_by_one, together)
