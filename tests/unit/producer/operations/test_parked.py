from __future__ import annotations

import pytest

from tailrace.operations.parked import MAX_REDRIVES, ParkedChunk, ParkedChunkId, ParkedStatus, parked_status
from tailrace_core.errors import InputError
from tailrace_core.jobs.model import Chunk, ChunkState, Job, JobState
from tailrace_core.jobs.ranges import RowRange

JOB_ID = "01JD0WAWQSRPH4P5HK2ZTF1J2N"
ROWS = RowRange(100, 50)


def job(state: JobState = JobState.RUNNING) -> Job:
    return Job(job_id=JOB_ID, state=state, created_at=0, deadline_at=100)


def chunk(**changes: object) -> Chunk:
    return Chunk(job_id=JOB_ID, range=ROWS, attempt=3, **{"parked": True, **changes})  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize(
    ("found_job", "found", "now", "status"),
    [
        (job(), chunk(), 0, ParkedStatus.PARKED),
        (job(), chunk(parked=False), 0, ParkedStatus.ARRIVING),
        (job(), chunk(parked=False, state=ChunkState.SCORED), 0, ParkedStatus.SETTLED),
        (job(JobState.CANCELLED), chunk(state=ChunkState.CANCELLED), 0, ParkedStatus.SETTLED),
        (job(JobState.CLOSING), chunk(), 0, ParkedStatus.JOB_ENDED),
        (job(), chunk(), 100, ParkedStatus.JOB_ENDED),
        (None, None, 0, ParkedStatus.UNKNOWN),
        (job(), None, 0, ParkedStatus.UNKNOWN),
    ],
)
def test_how_a_chunk_stands_follows_from_the_ledger(
    found_job: Job | None, found: Chunk | None, now: float, status: ParkedStatus
) -> None:
    assert parked_status(found_job, found, 3, now) is status


def test_a_later_attempt_makes_a_message_stale_parked_again_or_not() -> None:
    for parked in (True, False):
        assert parked_status(job(), chunk(parked=parked), 2, 0) is ParkedStatus.UNDER_WAY
    assert ParkedStatus.UNDER_WAY.stale


@pytest.mark.parametrize("words", [(JOB_ID, ROWS.name), (JOB_ID, "100-50"), (f"ChunkParked:{JOB_ID}:{ROWS.name}:3",)])
def test_a_chunk_is_named_by_job_and_range_or_by_event_id(words: tuple[str, ...]) -> None:
    assert ParkedChunkId.parse(*words) == ParkedChunkId(JOB_ID, ROWS)


@pytest.mark.parametrize(
    "words",
    [(JOB_ID,), (JOB_ID, "100"), (JOB_ID, "100-0"), (JOB_ID, "-1-5"), (JOB_ID, "a-b"), (JOB_ID, "1-2", "3"),
     ("ChunkParked:x",), (JOB_ID, "999999999999-5"), (JOB_ID, "²-5")],
)  # fmt: skip
def test_what_names_no_chunk_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(InputError):
        ParkedChunkId.parse(*words)


def test_only_who_insists_redrives_for_ever() -> None:
    parked = ParkedChunk(
        job_id=JOB_ID, range=ROWS, status=ParkedStatus.PARKED, chunk=chunk(redrives=MAX_REDRIVES), job=job()
    )
    assert "--force" in (parked.refusal() or "")
    assert parked.refusal(force=True) is None


@pytest.mark.parametrize("status", [each for each in ParkedStatus if each is not ParkedStatus.PARKED])
def test_nothing_but_a_parked_chunk_is_redriven_force_or_not(status: ParkedStatus) -> None:
    parked = ParkedChunk(job_id=JOB_ID, range=ROWS, status=status, chunk=chunk(), job=job())
    assert parked.refusal(force=True) is not None
