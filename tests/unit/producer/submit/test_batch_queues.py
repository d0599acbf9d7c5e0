from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.submit.batch_queues import MAX_BATCH, PIPELINE_DEPTH, ConfirmationQueue, IntentQueue, batch_size


@given(st.integers(0, 80).flatmap(lambda count: st.permutations(range(count))), st.data())
def test_chunks_come_out_in_the_order_of_the_input_and_without_a_gap(order: list[int], data: st.DataObject) -> None:
    queue = IntentQueue()
    taken: list[int] = []
    for place in order:
        queue.add(place, cast("Any", place))
        if data.draw(st.booleans()):
            batch = queue.take()
            assert len(batch) <= MAX_BATCH
            taken += cast("list[int]", batch)
    while queue.ready:
        taken += cast("list[int]", queue.take())
    assert taken == sorted(order)


def test_a_batch_is_full_when_all_its_chunks_are_there() -> None:
    queue = IntentQueue()
    for place in range(1, MAX_BATCH):
        queue.add(place, cast("Any", place))
    assert (queue.ready, queue.full) == (False, False)
    queue.add(0, cast("Any", 0))
    assert (queue.ready, queue.full) == (True, True)
    assert len(queue.take()) == MAX_BATCH


def test_confirmations_are_full_by_their_attempts_and_come_out_in_order() -> None:
    queue = ConfirmationQueue(3)
    queue.add(cast("Any", "a"), [cast("Any", 1)])
    assert (queue.ready, queue.full) == (True, False)
    queue.add(cast("Any", "b"), [cast("Any", 2), cast("Any", 3)])
    assert queue.full
    assert cast("Any", queue.take()) == [("a", [1]), ("b", [2, 3])]
    assert not queue.ready


@pytest.mark.parametrize(("concurrency", "size"), [(1, 3), (2, 6), (8, 24), (9, 25), (100, 25)])
def test_two_full_batches_leave_half_of_the_pipeline_to_uploads_and_invocations(concurrency: int, size: int) -> None:
    assert batch_size(concurrency) == size
    assert 2 * size <= PIPELINE_DEPTH * concurrency // 2
