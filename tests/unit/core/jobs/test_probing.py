"""Probes are bounded, and a held chunk always has a next step."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.jobs.model import Chunk, ChunkState, Job, JobState, QueuedRetry
from tailrace_core.jobs.probing import MAX_PROBES, HeldStep, held_step, may_probe, probes_made, with_probe
from tailrace_core.jobs.ranges import RowRange

JOB = Job(job_id="01JD0000000000000000000000", state=JobState.RUNNING, created_at=0.0, deadline_at=1e9)
HELD = QueuedRetry(1.0, 3, held=True)


def chunk(first_row: int, rows: int, *, held: bool = True, parked: bool = False, invoked: bool = True) -> Chunk:
    return Chunk(
        job_id=JOB.job_id,
        range=RowRange(first_row, rows),
        retry=HELD if held else None,
        parked=parked,
        invoked=invoked,
    )


def probed(count: int, job: Job = JOB) -> Job:
    for at in range(count):
        job = with_probe(job, RowRange(10 * at, 1), RowRange(10 * at + 1, 9))
    return job


@given(scored=st.lists(st.integers(0, 3), max_size=40))
def test_a_job_makes_no_more_probes_in_a_row_than_allowed(scored: list[int]) -> None:
    job, since_scored = JOB, 0
    for rows in scored:
        if rows:
            job, since_scored = dataclasses.replace(job, rows_scored=job.rows_scored + rows), 0
        if may_probe(job):
            job = with_probe(job, RowRange(0, 1), RowRange(1, 9))
            since_scored += 1
        assert probes_made(job) == since_scored <= MAX_PROBES


def test_a_row_scored_since_it_was_held_has_the_chunk_invoked() -> None:
    job = dataclasses.replace(probed(MAX_PROBES), rows_scored=1)
    assert held_step(job, chunk(1, 9), 0, [chunk(0, 1, held=False)], 0.0) is HeldStep.INVOKE


def test_a_probe_in_flight_holds_all_others() -> None:
    assert held_step(probed(1), chunk(1, 9), 0, [chunk(0, 1, held=False), chunk(1, 9)], 0.0) is HeldStep.HOLD


@pytest.mark.parametrize("state", [each for each in ChunkState if each is not ChunkState.OPEN])
def test_a_settled_probe_holds_none(state: ChunkState) -> None:
    probe = dataclasses.replace(chunk(0, 1, held=False), state=state)
    assert held_step(probed(MAX_PROBES), chunk(1, 9), 0, [probe], 0.0) is HeldStep.PARK


def test_the_rest_goes_on_with_the_next_probe_and_a_failed_row_waits_for_it() -> None:
    row, rest = chunk(0, 1), chunk(1, 9, invoked=False)
    assert held_step(probed(1), rest, 0, [row, rest], 0.0) is HeldStep.INVOKE
    assert held_step(probed(1), row, 0, [row, rest], 0.0) is HeldStep.HOLD


@pytest.mark.parametrize("rows", [1, 5])
def test_when_no_probe_is_left_all_are_parked_but_what_was_never_tried(rows: int) -> None:
    row, rest, untried = chunk(0, 1), chunk(1, 9), chunk(10, rows, invoked=False)
    everything = [row, rest, untried]
    assert held_step(probed(MAX_PROBES), untried, 0, everything, 0.0) is HeldStep.INVOKE
    assert held_step(probed(MAX_PROBES), row, 0, everything, 0.0) is HeldStep.HOLD
    assert held_step(probed(MAX_PROBES), row, 0, [row, rest], 0.0) is HeldStep.PARK
    assert held_step(probed(MAX_PROBES), rest, 0, [row, rest], 0.0) is HeldStep.PARK


CHUNKS = st.lists(
    st.builds(
        chunk,
        st.integers(0, 50),
        st.integers(1, 3),
        held=st.booleans(),
        parked=st.booleans(),
        invoked=st.booleans(),
    ),
    max_size=8,
    unique_by=lambda each: each.range,
)


@given(chunks=CHUNKS, probes=st.integers(0, MAX_PROBES))
def test_of_chunks_that_are_all_held_not_all_wait(chunks: list[Chunk], probes: int) -> None:
    held = [dataclasses.replace(each, retry=HELD) for each in chunks if not each.parked]
    steps = {held_step(probed(probes), each, 0, chunks, 0.0) for each in held}
    in_flight = any(each.retry is None and not each.parked for each in chunks)
    assert not held or in_flight or steps != {HeldStep.HOLD}
