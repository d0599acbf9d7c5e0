"""Cost of a file of bad rows, lost notifications and a failing endpoint on the deployed stack.

Bad rows among good ones are in `tests/integration/local/test_own_model.py`.
"""

from __future__ import annotations

import pytest

from tailrace_core.jobs.limits import ALL_REFUSED_CHUNKS
from tailrace_core.jobs.model import JobState
from tailrace_core.jobs.probing import MAX_PROBES
from tailrace_core.submission.options import SubmitOptions
from tests.faults.deployed.fixed_jobs import FixedJobs, Trouble
from tests.faults.deployed.rounds import REST_S, SEED, RoundRunner

MAX_ATTEMPTS = SubmitOptions().max_attempts

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def jobs(runner: RoundRunner) -> FixedJobs:
    jobs = FixedJobs(runner, SEED)
    jobs.run()
    return jobs


def test_a_job_of_which_nothing_is_scored_fails_when_enough_rows_were_tried_alone(jobs: FixedJobs) -> None:
    poison, job = jobs.jobs[Trouble.POISON], jobs.job(Trouble.POISON)
    jobs.check(Trouble.POISON, JobState.FAILED)
    requests = jobs.requests(Trouble.POISON)
    print(
        f"{len(poison.input.rows)} bad rows and no other: {requests} invocations, {job.rows_rejected} rows tried alone"
    )
    assert "no row was scored" in (job.reason or "")
    # A split makes two requests: the row's at once, and the rest's when a row was settled, because
    # the window is full. So there are as many splits as chunks at first and rows settled, at most,
    # in whatever order queues deliver. Until the job is closed, each place in the window may settle
    # one row more. To isolate every row would take 804 requests.
    settled = ALL_REFUSED_CHUNKS + poison.window
    assert requests <= poison.chunks + 2 * (poison.chunks + settled)


def test_without_any_notification_the_reconciler_alone_finishes_the_job(jobs: FixedJobs) -> None:
    jobs.check(Trouble.UNHEARD)
    print(f"without notifications: {jobs.requests(Trouble.UNHEARD)} invocations")


def test_an_endpoint_that_is_down_is_asked_a_few_times_and_costs_no_row(jobs: FixedJobs) -> None:
    down = jobs.jobs[Trouble.DOWN]
    print(f"the endpoint down: {jobs.requests_while_down} invocations of {down.chunks} chunks, all parked")
    # Each chunk makes all its attempts. Of each probe, whichever chunk makes it, the row makes all
    # its attempts, and the rest one.
    assert down.chunks == MAX_PROBES
    assert jobs.requests_while_down <= down.chunks * MAX_ATTEMPTS + MAX_PROBES * (MAX_ATTEMPTS + 1)
    # A probe adds one chunk to those that are parked. Each is redriven once, and scored.
    assert jobs.requests(Trouble.DOWN) <= jobs.requests_while_down + down.chunks + MAX_PROBES
    assert jobs.job(Trouble.DOWN).rows_rejected == 0
    jobs.check(Trouble.DOWN)


def test_nothing_is_left_in_any_queue(jobs: FixedJobs, runner: RoundRunner) -> None:
    assert jobs.jobs
    runner.rest(REST_S, delayed=True)
