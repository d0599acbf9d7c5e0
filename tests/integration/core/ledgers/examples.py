"""Short builders for jobs, chunks and settlements."""

from __future__ import annotations

import dataclasses
from typing import TypeVar

from tailrace_core.jobs.model import Chunk, ChunkState, Job, JobSettings, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.due_items import DueItem
from tailrace_core.ledger.port import Ledger
from tailrace_core.ledger.rules import OpenOutcome, Settlement

T = TypeVar("T")

JOB = "01HZX3T8Q5W6E7R8T9Y0ABCDEF"
NOW = 1_700_000_000.25
SETTINGS = JobSettings(endpoint_name="demand", source_columns=("id", "größe"), sent_columns=(1,), kept_columns=(0,))


def new_job(job_id: str = JOB, *, created_at: float = NOW, budget: int = 2) -> Job:
    return Job(
        job_id=job_id,
        state=JobState.SUBMITTING,
        created_at=created_at,
        deadline_at=created_at + 86_400,
        split_budget=budget,
    )


def chunk_of(first_row: int, rows: int, **known: object) -> Chunk:
    return dataclasses.replace(Chunk(job_id=JOB, range=RowRange(first_row, rows), due_at=NOW + 300), **known)  # type: ignore[arg-type] # of one's own dataclass


def scored(first_row: int, rows: int, *, rejected: int = 0, attempt: int | None = None) -> Settlement:
    return Settlement(
        job_id=JOB,
        range=RowRange(first_row, rows),
        state=ChunkState.SCORED,
        rejected=rejected,
        attempt=attempt,
        part_checksum="crc32:00000001",
        part_bytes=10,
    )


def ended(first_row: int, rows: int, state: ChunkState, *, attempt: int | None = None) -> Settlement:
    rejected = rows if state is ChunkState.REJECTED else 0
    return Settlement(
        job_id=JOB, range=RowRange(first_row, rows), state=state, rejected=rejected, attempt=attempt, reason="why"
    )


def started(ledger: Ledger, *chunks: Chunk, budget: int = 2) -> None:
    assert ledger.create_job(new_job(budget=budget), SETTINGS)
    for chunk in chunks:
        assert ledger.open_chunk(chunk) is OpenOutcome.OPENED


def known(value: T | None) -> T:
    assert value is not None
    return value


def due(ledger: Ledger, before: float) -> set[DueItem]:
    return set(ledger.overdue(before, 100))


def waiting(first_row: int, rows: int = 10) -> Chunk:
    return chunk_of(first_row, rows, attempt=0, tries=0)


def in_window(ledger: Ledger) -> tuple[int, int]:
    job = known(ledger.job(JOB))
    return job.chunks_in_flight, job.chunks_waiting
