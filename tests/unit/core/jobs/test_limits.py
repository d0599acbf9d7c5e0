from __future__ import annotations

from dataclasses import replace

import pytest

from tailrace_core.jobs.limits import ALL_REFUSED_CHUNKS, all_refused_reason, no_row_sent_reason, nothing_scored_reason
from tailrace_core.jobs.model import Chunk, ChunkState, Job, JobState
from tailrace_core.jobs.ranges import RowRange

JOB_ID = "01JGFJJZ00" + "0" * 16


def job(*, scored: int = 0, rejected: int = ALL_REFUSED_CHUNKS) -> Job:
    return Job(
        job_id=JOB_ID,
        state=JobState.RUNNING,
        created_at=0.0,
        deadline_at=1.0,
        rows_total=1000,
        rows_scored=scored,
        rows_rejected=rejected,
    )


def rejected(count: int, *, invoked: bool = True) -> list[Chunk]:
    one = Chunk(job_id=JOB_ID, range=RowRange(0, 1), state=ChunkState.REJECTED, rejected=1, invoked=invoked)
    return [replace(one, range=RowRange(row, 1), reason=f"no {row}") for row in range(count)]


def test_a_job_is_hopeless_when_the_model_refused_enough_rows_and_scored_none() -> None:
    reason = all_refused_reason(job(), rejected(ALL_REFUSED_CHUNKS))
    assert reason is not None
    assert f"no {ALL_REFUSED_CHUNKS - 1}" in reason


def test_one_scored_row_is_hope() -> None:
    assert all_refused_reason(job(scored=1), rejected(ALL_REFUSED_CHUNKS)) is None


def test_fewer_refused_rows_are_no_proof() -> None:
    assert all_refused_reason(job(rejected=ALL_REFUSED_CHUNKS - 1), rejected(ALL_REFUSED_CHUNKS - 1)) is None


def test_chunks_that_were_not_isolated_are_no_rows_tried_alone() -> None:
    chunks = [replace(each, not_isolated=1) for each in rejected(ALL_REFUSED_CHUNKS)]
    assert all_refused_reason(job(), chunks) is None


@pytest.mark.parametrize("rows", [1, 5, 150])
def test_a_complete_job_of_which_nothing_was_scored_fails_whatever_its_size(rows: int) -> None:
    reason = nothing_scored_reason(replace(job(rejected=rows), rows_total=rows), rejected(rows))
    assert reason == f"no row was scored: all {rows} rows were rejected, for instance with: no 0 (row 0)"


def test_the_reason_prefers_a_row_that_the_model_refused_by_itself() -> None:
    with_others = [replace(rejected(1)[0], reason="pre", invoked=False), replace(rejected(1)[0], not_isolated=1)]
    reason = nothing_scored_reason(job(), [*with_others, replace(rejected(1)[0], reason="alone")])
    assert reason is not None
    assert reason.endswith(": alone (row 0)")


def test_the_reason_of_rows_that_cannot_be_sent_is_that_of_most_of_them() -> None:
    assert no_row_sent_reason([(7, "blank")]) == "no row can be sent: row 7: blank"
    several = no_row_sent_reason([(7, "blank"), (8, "short"), (9, "short")])
    assert several == "no row can be sent: row 8 and 1 more: short"
    found = nothing_scored_reason(
        job(), [replace(rejected(1)[0], reason=no_row_sent_reason([(7, "blank")]), invoked=False)]
    )
    assert (found or "").endswith("for instance with: no row can be sent: row 7: blank")


def test_a_job_with_a_scored_row_or_without_rows_does_not_fail_so() -> None:
    assert nothing_scored_reason(job(scored=1), rejected(3)) is None
    assert nothing_scored_reason(replace(job(rejected=0), rows_total=0), []) is None


@pytest.mark.parametrize("open_chunks", [0, 5])
def test_rows_rejected_before_sending_do_not_count(open_chunks: int) -> None:
    chunks = rejected(ALL_REFUSED_CHUNKS, invoked=False)
    chunks += [Chunk(job_id=JOB_ID, range=RowRange(500 + row, 1)) for row in range(open_chunks)]
    assert all_refused_reason(job(), chunks) is None
