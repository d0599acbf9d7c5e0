"""The manifest: it tiles, it adds up, and it follows from the ledger alone."""

from __future__ import annotations

import dataclasses
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.jobs.model import Chunk, ChunkState, Job, JobState
from tailrace_core.messages.manifest import Manifest, build_manifest
from tailrace_core.objects import keys
from tests.unit.core.job_examples import SETTINGS, chunk_of, new_job
from tests.unit.core.strategies import JOB

LEAVES = st.lists(
    st.tuples(
        st.integers(1, 50),
        st.sampled_from([ChunkState.SCORED, ChunkState.REJECTED, ChunkState.CANCELLED]),
        st.floats(0, 1),
    ),
    min_size=1,
    max_size=12,
)


def finishing(leaves: list[tuple[int, ChunkState, float]]) -> tuple[Job, list[Chunk]]:
    """Build a job in ``finishing`` and its chunks.

    ``leaves`` gives the rows, the state and the share of rejected rows of each leaf.
    """
    chunks, row, counts = list[Chunk](), 0, [0, 0, 0]
    for rows, state, share in leaves:
        rejected = {ChunkState.SCORED: int(rows * share), ChunkState.REJECTED: rows}.get(state, 0)
        chunks.append(chunk_of(row, rows, state=state, rejected=rejected, part_checksum="crc32:00000000"))
        cancelled = rows if state is ChunkState.CANCELLED else 0
        counts = [counts[0] + rows - rejected - cancelled, counts[1] + rejected, counts[2] + cancelled]
        row += rows
    job = new_job(
        state=JobState.FINISHING, rows_total=row, rows_scored=counts[0], rows_rejected=counts[1],
        rows_cancelled=counts[2], finishing_at=5.0,
    )  # fmt: skip
    return job, chunks


@given(LEAVES, st.randoms(use_true_random=False))
def test_the_same_ledger_gives_the_same_bytes_in_any_order(
    leaves: list[tuple[int, ChunkState, float]], order: random.Random
) -> None:
    job, chunks = finishing(leaves)
    parent = chunk_of(0, chunks[0].range.rows + 100, state=ChunkState.SPLIT)
    shuffled = [*chunks, parent]
    order.shuffle(shuffled)
    assert build_manifest(job, SETTINGS, shuffled).to_json() == build_manifest(job, SETTINGS, chunks).to_json()


@given(LEAVES)
def test_its_parts_tile_the_job_and_add_up(leaves: list[tuple[int, ChunkState, float]]) -> None:
    job, chunks = finishing(leaves)
    manifest = Manifest.model_validate_json(build_manifest(job, SETTINGS, chunks).to_json())
    expected = 0
    for part in manifest.parts:
        assert part.first_row == expected
        assert (part.key is None) == (part.state is ChunkState.CANCELLED)
        expected += part.rows
    assert expected == manifest.rows_total
    assert sum(part.rejected for part in manifest.parts) == manifest.rows_rejected


@given(LEAVES, st.data())
def test_a_missing_or_doubled_leaf_is_never_written(
    leaves: list[tuple[int, ChunkState, float]], data: st.DataObject
) -> None:
    job, chunks = finishing(leaves)
    at = data.draw(st.integers(0, len(chunks) - 1))
    for broken in ([*chunks[:at], *chunks[at + 1 :]], [*chunks, chunks[at]]):
        with pytest.raises(ValueError, match="do not tile"):
            build_manifest(job, SETTINGS, broken)


@pytest.mark.parametrize("name", ["rows_scored", "rows_rejected", "rows_cancelled"])
def test_counters_that_do_not_add_up_are_never_written(name: str) -> None:
    job, chunks = finishing([(10, ChunkState.SCORED, 0.3), (5, ChunkState.CANCELLED, 0.0)])
    with pytest.raises(ValueError, match="counters say"):
        build_manifest(dataclasses.replace(job, **{name: getattr(job, name) + 1}), SETTINGS, chunks)


def test_an_open_leaf_is_never_written() -> None:
    job, chunks = finishing([(10, ChunkState.SCORED, 0.0)])
    with pytest.raises(ValueError, match="counters say"):
        build_manifest(job, SETTINGS, [dataclasses.replace(chunks[0], state=ChunkState.OPEN)])


def test_a_job_that_is_not_being_finished_has_no_manifest() -> None:
    with pytest.raises(ValueError, match="not being finished"):
        build_manifest(new_job(), SETTINGS, [])


def test_an_empty_job_has_a_manifest_without_parts() -> None:
    manifest = build_manifest(new_job(state=JobState.FINISHING, rows_total=0, finishing_at=1.0), SETTINGS, [])
    assert (manifest.state, manifest.parts, manifest.columns) == (JobState.COMPLETED, (), ("id", "prediction"))


def test_parts_and_rejects_are_named_where_they_lie() -> None:
    job, chunks = finishing([(10, ChunkState.SCORED, 0.3), (5, ChunkState.SCORED, 0.0)])
    first, second = build_manifest(job, SETTINGS, chunks).parts
    assert first.key == keys.part_key(JOB, chunks[0].range) == f"v1/jobs/{JOB}/parts/000000000000-10.csv"
    assert first.rejects_key == keys.rejects_key(JOB, chunks[0].range)
    assert second.rejects_key is None
