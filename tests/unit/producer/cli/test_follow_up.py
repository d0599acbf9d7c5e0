"""The line that ends a submit."""

from __future__ import annotations

import pytest

from tailrace.cli.commands.follow_up import summary
from tailrace.submit.submitter import Submission
from tailrace_core.jobs.model import Job, JobState

JOB = Job(job_id="01JD0WAWQSRPH4P5HK2ZTF1J2N", state=JobState.COMPLETED, created_at=0, deadline_at=9, rows_total=2)


@pytest.mark.parametrize(
    ("submission", "end"),
    [
        (Submission(JOB, chunks_sent=1), "; 1 chunk submitted"),
        (
            Submission(JOB, continued=True, chunks_sent=3, chunks_skipped=2),
            "; 3 chunks submitted, 2 had been submitted before",
        ),
        # The job was sealed, so its chunks are not counted anew.
        (Submission(JOB, continued=True), "; all of it had been submitted before"),
    ],
)
def test_a_submit_says_what_it_sent_and_what_was_there(submission: Submission, end: str) -> None:
    assert summary(submission, JOB).endswith(end)
