"""Jobs and chunks for the tests of views."""

from __future__ import annotations

from typing import Any

from tailrace_core.jobs.model import Chunk, Job, JobState
from tailrace_core.jobs.ranges import RowRange

JOB_ID = "01KB4J0000000000000000BIG0"
CREATED = 1_800_000_000.0


def job(**values: Any) -> Job:
    defaults: dict[str, Any] = {"state": JobState.RUNNING, "deadline_at": CREATED + 86_400, "rows_total": 1_000}
    return Job(job_id=JOB_ID, created_at=CREATED, **{**defaults, **values})


def chunk(first_row: int, rows: int, **values: Any) -> Chunk:
    return Chunk(job_id=JOB_ID, range=RowRange(first_row, rows), **values)
