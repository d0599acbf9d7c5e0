"""Jobs and chunks for tests of the core."""

from __future__ import annotations

import dataclasses
from typing import Any

from tailrace_core.jobs.model import Chunk, ChunkState, Job, JobSettings, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.rules import Settlement

from .strategies import JOB

NOW = 1_700_000_000.0
SETTINGS = JobSettings(endpoint_name="demand", source_columns=("id", "x"), sent_columns=(1,), kept_columns=(0,))


def new_job(**known: Any) -> Job:
    """Build a job in ``submitting``."""
    plain = Job(
        job_id=JOB, state=JobState.SUBMITTING, created_at=NOW, deadline_at=NOW + 86_400, split_budget=3
    )  # fmt: skip
    return dataclasses.replace(plain, **known)


def chunk_of(first_row: int, rows: int, **known: Any) -> Chunk:
    """Build an open chunk that is due."""
    return dataclasses.replace(Chunk(job_id=JOB, range=RowRange(first_row, rows), due_at=NOW + 300), **known)


def waiting_chunk(first_row: int, rows: int) -> Chunk:
    """Build an open chunk that was never started."""
    return chunk_of(first_row, rows, attempt=0, tries=0)


def end_of(rows: RowRange, state: ChunkState, rejected: int = 0, attempt: int | None = None) -> Settlement:
    """Build a settlement; a rejected chunk is rejected as a whole."""
    whole = rows.rows if state is ChunkState.REJECTED else rejected
    return Settlement(
        job_id=JOB, range=rows, state=state, rejected=whole, attempt=attempt, part_checksum="crc32:00000000",
        part_bytes=rows.rows,
    )  # fmt: skip
