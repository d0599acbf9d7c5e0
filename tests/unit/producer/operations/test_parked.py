from __future__ import annotations

import pytest

from tailrace.operations.parked import MOST_REDRIVES, ParkedChunk, ParkedName, Standing, standing_of
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
    ("found_job", "found", "now", "standing"),
    [
        (job(), chunk(), 0, Standing.PARKED),
        (job(), chunk(parked=False), 0, Standing.ARRIVING),
        (job(), chunk(parked=False, state=ChunkState.SCORED), 0, Standing.SETTLED),
        (job(JobState.CANCELLED), chunk(state=ChunkState.CANCELLED), 0, Standing.SETTLED),
        (job(JobState.CLOSING), chunk(), 0, Standing.JOB_ENDED),
        (job(), chunk(), 100, Standing.JOB_ENDED),
        (None, None, 0, Standing.UNKNOWN),
        (job(), None, 0, Standing.UNKNOWN),
    ],
)
def test_how_a_chunk_stands_follows_from_the_ledger(
    found_job: Job | None, found: Chunk | None, now: float, standing: Standing
) -> None:
    assert standing_of(found_job, found, 3, now) is standing


def test_a_later_attempt_makes_a_message_stale_parked_again_or_not() -> None:
    for parked in (True, False):
        assert standing_of(job(), chunk(parked=parked), 2, 0) is Standing.UNDER_WAY
    assert Standing.UNDER_WAY.stale


@pytest.mark.parametrize("words", [(JOB_ID, ROWS.name), (JOB_ID, "100-50"), (f"ChunkParked:{JOB_ID}:{ROWS.name}:3",)])
def test_a_chunk_is_named_by_job_and_range_or_by_event_id(words: tuple[str, ...]) -> None:
    assert ParkedName.parse(*words) == ParkedName(JOB_ID, ROWS)


@pytest.mark.parametrize(
    "words",
    [(JOB_ID,), (JOB_ID, "100"), (JOB_ID, "100-0"), (JOB_ID, "-1-5"), (JOB_ID, "a-b"), (JOB_ID, "1-2", "3"),
     ("ChunkParked:x",), (JOB_ID, "999999999999-5"), (JOB_ID, "²-5")],
)  # fmt: skip
def test_what_names_no_chunk_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(InputError):
        ParkedName.parse(*words)


def test_only_who_insists_redrives_for_ever() -> None:
    parked = ParkedChunk(
        job_id=JOB_ID, range=ROWS, standing=Standing.PARKED, chunk=chunk(redrives=MOST_REDRIVES), job=job()
    )
    assert "--force" in (parked.refusal() or "")
    assert parked.refusal(force=True) is None


@pytest.mark.parametrize("standing", [each for each in Standing if each is not Standing.PARKED])
def test_nothing_but_a_parked_chunk_is_redriven_force_or_not(standing: Standing) -> None:
    parked = ParkedChunk(job_id=JOB_ID, range=ROWS, standing=standing, chunk=chunk(), job=job())
    assert parked.refusal(force=True) is not None
