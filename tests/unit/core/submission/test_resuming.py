from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.errors import JobKeyError
from tailrace_core.jobs.model import Chunk, ChunkState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.submission.chunk_steps import NextStep, next_step
from tailrace_core.submission.options import SubmitOptions
from tailrace_core.submission.planning import ChunkPlan, planner_for
from tailrace_core.submission.resuming import PreviousChunks

_JOB = "01JD0WAWQSRPH4P5HK2ZTF1J2N"


def plans(rows: int, chunk_rows: int, text: str = "x") -> list[ChunkPlan]:
    planner = planner_for(("a",), None, SubmitOptions(header="none", chunk_rows=chunk_rows), endpoint_name="m")  # type: ignore[arg-type]  # people write it so
    data = "".join(f"{text}{row}\n" for row in range(rows)).encode()
    return [each for each in planner.plan([data]) if isinstance(each, ChunkPlan)]


def recorded(plan: ChunkPlan, **changes: object) -> Chunk:
    chunk = Chunk(job_id=_JOB, range=plan.range, input_checksum=plan.source_checksum, invoked=True)
    return dataclasses.replace(chunk, **changes)  # type: ignore[arg-type]  # fields by name


@given(st.integers(1, 30), st.integers(1, 7), st.data())
def test_the_same_input_finds_its_chunks_whichever_were_recorded(
    rows: int, chunk_rows: int, data: st.DataObject
) -> None:
    planned = plans(rows, chunk_rows)
    known = data.draw(st.sets(st.sampled_from(range(len(planned)))))
    found = PreviousChunks(recorded(planned[at]) for at in known)
    assert {at for at, plan in enumerate(planned) if found.find(plan) is not None} == known
    found.check_end(rows)


@given(st.integers(2, 30), st.integers(1, 7), st.integers(0, 29))
def test_another_input_is_refused_at_the_chunk_that_differs(rows: int, chunk_rows: int, differs: int) -> None:
    planned, others = plans(rows, chunk_rows), plans(rows, chunk_rows, "y")
    at = differs % len(planned)
    found = PreviousChunks(recorded(plan) for plan in planned)
    with pytest.raises(JobKeyError, match=f"from row {others[at].range.first_row} on"):
        found.find(others[at])


@given(st.integers(2, 30), st.integers(1, 6))
def test_an_input_cut_elsewhere_is_refused(rows: int, chunk_rows: int) -> None:
    found = PreviousChunks(recorded(plan) for plan in plans(rows, chunk_rows + 1))
    planned = plans(rows, chunk_rows)
    if [plan.range for plan in planned] == [plan.range for plan in plans(rows, chunk_rows + 1)]:
        return
    with pytest.raises(JobKeyError):
        [found.find(plan) for plan in planned]


def test_a_chunk_that_only_a_later_one_was_recorded_of_is_refused_when_it_overlaps() -> None:
    (late,) = plans(4, 4)
    found = PreviousChunks([Chunk(job_id=_JOB, range=RowRange(2, 2), input_checksum="crc32:0")])
    with pytest.raises(JobKeyError):
        found.find(late)


def test_children_of_a_split_chunk_are_not_the_producers_business() -> None:
    (first, second) = plans(8, 4)
    children = [Chunk(job_id=_JOB, range=each) for each in (RowRange(0, 2), RowRange(2, 1), RowRange(3, 1))]
    found = PreviousChunks([*children, recorded(first, state=ChunkState.SPLIT), recorded(second)])
    parent = found.find(first)
    assert parent is not None
    assert parent.state is ChunkState.SPLIT
    assert found.find(second) is not None
    found.check_end(8)


@pytest.mark.parametrize("rows", [7, 9])
def test_an_input_that_ends_elsewhere_than_the_sealed_one_is_refused(rows: int) -> None:
    found = PreviousChunks([recorded(plan) for plan in plans(8, 4)], rows_total=8)
    with pytest.raises(JobKeyError):
        found.check_end(rows)


def test_a_sealed_job_takes_no_more_chunks() -> None:
    planned = plans(8, 4)
    found = PreviousChunks([recorded(planned[0])], rows_total=4)
    with pytest.raises(JobKeyError, match="from row 4 on"):
        found.find(planned[1])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, NextStep.SKIP),
        ({"invoked": False}, NextStep.INVOKE_AGAIN),
        ({"invoked": False, "parked": True}, NextStep.SKIP),
        ({"invoked": False, "state": ChunkState.SCORED}, NextStep.SKIP),
        ({"state": ChunkState.SPLIT, "invoked": False}, NextStep.SKIP),
        ({"state": ChunkState.CANCELLED, "invoked": False}, NextStep.SKIP),
    ],
)
def test_only_an_open_chunk_that_nobody_is_known_to_have_invoked_is_invoked_again(
    changes: dict[str, object], expected: NextStep
) -> None:
    assert next_step(recorded(plans(1, 1)[0], **changes)) is expected


def test_a_chunk_that_was_never_recorded_needs_everything() -> None:
    assert next_step(None) is NextStep.SEND
