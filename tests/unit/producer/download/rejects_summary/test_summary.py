"""The summary of rejected rows: exact where it was looked at, and bounded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tailrace.download.rejects_summary.summary import (
    MAX_INPUTS,
    MAX_OBJECTS,
    RejectsSummary,
    SettledRows,
    settled_chunks,
    summarize_rejects,
)
from tailrace_core.aws.calls import Call, run
from tailrace_core.csv_text.rejects import Reject, write_rejects
from tailrace_core.errors import AccessDeniedError, NotFoundError
from tailrace_core.jobs.limits import no_row_sent_reason
from tailrace_core.jobs.model import Chunk, ChunkState, Job, JobSettings, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.jobs.split_budget import not_isolated_reason
from tailrace_core.objects import keys

JOB_ID = "01JGFJJZ00" + "0" * 16
SETTINGS = JobSettings(endpoint_name="demo", source_columns=("id", "x"), sent_columns=(1,), kept_columns=(0,))


class Bucket:
    """Objects by key, and the keys that were read."""

    def __init__(self, *, may_read_inputs: bool = True) -> None:
        self.objects: dict[str, bytes] = {}
        self.read: list[str] = []
        self.may_read_inputs = may_read_inputs

    def execute(self, call: Call) -> Any:
        key = call.params["Key"]
        self.read.append(key)
        if "/input/" in key and not self.may_read_inputs:
            raise AccessDeniedError("no")
        if key not in self.objects:
            raise NotFoundError("gone")
        return self.objects[key]

    def rejected(self, first_row: int, *rejects: Reject) -> None:
        self.objects[keys.rejects_key(JOB_ID, RowRange(first_row, max(1, len(rejects))))] = write_rejects(rejects)


def alone(row: int, reason: str = "400") -> SettledRows:
    return SettledRows(RowRange(row, 1), scored=False, rejected=1, not_isolated=0, reason=reason)


def scored(first_row: int, rows: int, rejected: int = 0) -> SettledRows:
    return SettledRows(RowRange(first_row, rows), scored=True, rejected=rejected, not_isolated=0, reason=None)


def summarized(bucket: Bucket, settled: Sequence[SettledRows], *, splits: int = 9) -> RejectsSummary:
    rejected = sum(each.rejected for each in settled)
    job = Job(
        job_id=JOB_ID,
        state=JobState.COMPLETED_WITH_REJECTS,
        created_at=0,
        deadline_at=1,
        rows_rejected=rejected,
        splits_spent=splits,
    )
    return run(summarize_rejects(job, SETTINGS, settled, "bucket"), bucket.execute)


def with_missing_values(bucket: Bucket) -> list[SettledRows]:
    """Lay out twelve rejected rows that hold NA, each beside two scored ones."""
    settled: list[SettledRows] = []
    for row in range(0, 36, 3):
        settled += (alone(row), scored(row + 1, 2))
        bucket.rejected(row, Reject(row, "400", b"r%d,NA" % row))
        bucket.objects[keys.input_key(JOB_ID, RowRange(row + 1, 2))] = b"%d\n%d\n" % (row, row + 1)
    return settled


def test_the_value_that_only_rejected_rows_hold_is_found_in_the_objects() -> None:
    bucket = Bucket()
    found = summarized(bucket, with_missing_values(bucket)).missing_values
    assert found is not None
    assert (found.tokens, found.rejected_rows, found.explained_rows, found.scored_rows) == (("NA",), 12, 12, 16)


def test_who_may_not_read_inputs_gets_the_usual_spellings_without_a_claim() -> None:
    bucket = Bucket(may_read_inputs=False)
    found = summarized(bucket, with_missing_values(bucket)).missing_values
    assert found is not None
    assert (found.tokens, found.scored_rows) == (("NA",), 0)
    assert sum("/input/" in key for key in bucket.read) == 1


def test_a_job_without_splits_is_not_searched_for_values() -> None:
    bucket = Bucket()
    assert summarized(bucket, with_missing_values(bucket), splits=0).missing_values is None
    assert bucket.read == []


def test_the_number_of_calls_is_bounded_and_what_was_not_read_is_said() -> None:
    bucket = Bucket()
    settled = [each for row in range(0, 3_000, 3) for each in (alone(row), scored(row + 1, 2, rejected=1))]
    found = summarized(bucket, settled)
    assert len(bucket.read) <= 2 * MAX_OBJECTS + MAX_INPUTS
    assert found.sampled
    assert (found.rows_examined, found.rows_rejected) == (1_000, 2_000)


def test_rows_rejected_before_sending_and_those_not_isolated_count_by_their_own_reasons() -> None:
    bucket = Bucket()
    reason = not_isolated_reason(3, "400")
    rejects = [Reject(0, reason, b""), Reject(1, "blank", b""), Reject(2, reason, b""), Reject(3, reason, b"")]
    bucket.rejected(0, *rejects)
    bucket.rejected(4, Reject(4, "blank", b""))
    whole = SettledRows(RowRange(0, 4), scored=False, rejected=4, not_isolated=3, reason=reason)
    found = summarized(bucket, [whole, alone(4, no_row_sent_reason([(4, "blank")])), scored(5, 10)])
    assert not found.sampled
    assert [(each.reason, each.rows) for each in found.reasons] == [(reason, 3), ("blank", 2)]


def test_damaged_and_lost_objects_are_no_error() -> None:
    bucket = Bucket()
    bucket.objects[keys.rejects_key(JOB_ID, RowRange(0, 2))] = b"not a rejects object"
    found = summarized(bucket, [scored(0, 2, rejected=1), scored(2, 2, rejected=1)])
    assert (found.reasons, found.rows_examined, found.sampled) == ((), 0, True)


def test_of_a_running_job_the_settled_chunks_count() -> None:
    one = Chunk(job_id=JOB_ID, range=RowRange(0, 1), state=ChunkState.REJECTED, rejected=1, reason="400")
    two = Chunk(job_id=JOB_ID, range=RowRange(1, 5))
    assert settled_chunks([one, two]) == [alone(0)]
