from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.console.views.strip import KINDS, MIN_WIDTH, WIDTH, strip
from tailrace_core.jobs.model import Chunk, ChunkState, QueuedRetry
from tests.unit.producer.console.jobs import chunk

KINDS_OF_CHUNKS = {
    "scored": {"state": ChunkState.SCORED},
    "rejected": {"state": ChunkState.REJECTED},
    "cancelled": {"state": ChunkState.CANCELLED},
    "in flight": {},
    "parked": {"parked": True},
    "waiting": {"attempt": 0},
    "retrying": {"retry": QueuedRetry(1.0, 2)},
}


@st.composite
def tilings(draw: st.DrawFn) -> list[tuple[Chunk, str]]:
    sizes = draw(st.lists(st.tuples(st.integers(1, 10**6), st.sampled_from(sorted(KINDS_OF_CHUNKS))), min_size=1))
    found, row = [], 0
    for rows, kind in sizes:
        found.append((chunk(row, rows, **KINDS_OF_CHUNKS[kind]), kind))  # type: ignore[arg-type]
        row += rows
    return found


@given(tilings(), st.integers(0, 1_000))
def test_stretches_tile_all_rows_and_count_each_state(tiling: list[tuple[Chunk, str]], more: int) -> None:
    rows = sum(each.range.rows for each, _ in tiling)
    found = strip([each for each, _ in tiling], rows + more, complete=False)
    assert found.stretches[0].first_row == 0
    assert all(one.end == other.first_row for one, other in pairwise(found.stretches))
    assert found.stretches[-1].end == found.rows == rows + more
    assert all(one.kind != other.kind for one, other in pairwise(found.stretches))
    expected = {kind: sum(each.range.rows for each, own in tiling if own == kind) for kind in KINDS}
    assert dict(found.rows_by_kind) == {kind: count for kind, count in {**expected, "not read": more}.items() if count}


@given(tilings())
def test_bars_stay_in_the_picture_and_are_few(tiling: list[tuple[Chunk, str]]) -> None:
    found = strip([each for each, _ in tiling], None)
    assert all(bar.x >= 0 and bar.x + bar.width <= WIDTH + 1e-6 for bar in found.bars)
    assert len(found.bars) <= 2 * len(found.stretches)
    kinds = {kind for _, kind in tiling}
    assert {bar.kind for bar in found.bars} == kinds


def test_one_parked_row_of_a_million_is_seen_above_the_others() -> None:
    done = {"state": ChunkState.SCORED}
    found = strip(
        [chunk(0, 500_000, **done), chunk(500_000, 1, parked=True), chunk(500_001, 499_999, **done)], 1_000_000
    )
    assert found.bars[-1].kind == "parked"
    assert found.bars[-1].width == MIN_WIDTH


def test_three_thousand_chunks_of_two_states_in_turn_make_a_bounded_picture() -> None:
    chunks = [chunk(333 * n, 333, state=ChunkState.SCORED if n % 2 else ChunkState.REJECTED) for n in range(3_000)]
    assert len(strip(chunks, 999_000).bars) <= 2 * WIDTH


@pytest.mark.parametrize(("complete", "kind"), [(True, "waiting"), (False, "not read")])
def test_rows_without_a_chunk_are_named(*, complete: bool, kind: str) -> None:
    found = strip([chunk(10, 10, state=ChunkState.SCORED)], 30, complete=complete)
    assert [(each.first_row, each.rows, each.kind) for each in found.stretches] == [
        (0, 10, "not read"), (10, 10, "scored"), (20, 10, kind),
    ]  # fmt: skip


def test_a_split_chunk_gives_its_rows_to_its_children() -> None:
    found = strip([chunk(0, 10, state=ChunkState.SPLIT), chunk(0, 5), chunk(5, 5, parked=True)], 10)
    assert dict(found.rows_by_kind) == {"in flight": 5, "parked": 5}
