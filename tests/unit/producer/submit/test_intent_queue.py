from __future__ import annotations

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from tailrace.submit.intent_queue import MAX_BATCH, IntentQueue


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
