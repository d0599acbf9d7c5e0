from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.download.async_prefetch import prefetch_async
from tailrace.download.parts import Slice
from tailrace.download.prefetch import Prefetch, prefetch, schedule
from tailrace_core.jobs.model import ChunkState
from tailrace_core.messages.manifest import ManifestPart

_PART = ManifestPart(first_row=0, rows=1, state=ChunkState.SCORED)


def pieces(sizes: list[int]) -> list[Slice]:
    return [Slice(_PART, start, size, last=False) for start, size in enumerate(sizes)]


@given(st.lists(st.integers(1, 50), max_size=100), st.integers(1, 200))
def test_slices_are_taken_in_order_and_the_bytes_under_way_are_bounded(sizes: list[int], limit: int) -> None:
    started: list[Slice] = []
    taken: list[Slice] = []
    for action, piece in schedule(pieces(sizes), limit):
        (started if action is Prefetch.START else taken).append(piece)
        held = [each.size_bytes for each in started[len(taken) :]]
        assert sum(held) <= limit or len(held) == 1
        assert len(held) <= 64
    assert started == taken == pieces(sizes)


@given(st.lists(st.integers(1, 50), max_size=20))
def test_threads_and_tasks_give_the_same(sizes: list[int]) -> None:
    async def read(piece: Slice) -> bytes:
        await asyncio.sleep(0)
        return bytes(piece.size_bytes)

    async def collect() -> list[tuple[Slice, bytes]]:
        return [each async for each in prefetch_async(pieces(sizes), read, concurrency=3, bytes_in_flight=60)]

    threads = prefetch(pieces(sizes), lambda piece: bytes(piece.size_bytes), concurrency=3, bytes_in_flight=60)
    assert list(threads) == asyncio.run(collect()) == [(each, bytes(each.size_bytes)) for each in pieces(sizes)]


def test_an_error_comes_when_its_turn_has_come_and_cancels_the_reads_ahead() -> None:
    cancelled: list[int] = []

    async def read(piece: Slice) -> bytes:
        if piece.start == 1:
            raise ValueError("broken")
        if piece.start > 1:
            try:
                await asyncio.sleep(3600)
            finally:
                cancelled.append(piece.start)
        return b"x"

    async def collect(seen: list[int]) -> None:
        async with aclosing(prefetch_async(pieces([1] * 4), read, concurrency=4, bytes_in_flight=9)) as reads:
            async for piece, _ in reads:
                seen.append(piece.start)

    seen: list[int] = []
    with pytest.raises(ValueError, match="broken"):
        asyncio.run(collect(seen))
    assert seen == [0]
    assert sorted(cancelled) == [2, 3]


def test_slices_are_not_named_before_they_are_needed() -> None:
    named: list[int] = []

    def lazily() -> Iterator[Slice]:
        for piece in pieces([10] * 5):
            named.append(piece.start)
            yield piece

    reads = prefetch(lazily(), lambda _: b"", concurrency=1, bytes_in_flight=10)
    next(reads)
    assert named == [0, 1]
