from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tailrace_local.cloud.functions.logs import split_events


@given(st.lists(st.integers(1, 262_144), max_size=12))
def test_events_are_put_in_order_within_what_a_call_takes(sizes: list[int]) -> None:
    events = [{"timestamp": index, "message": "x" * size} for index, size in enumerate(sizes)]
    found = list(split_events(events))
    assert [event for batch in found for event in batch] == events
    assert all(sum(len(event["message"]) + 26 for event in batch) <= 1_048_576 for batch in found)


def test_a_call_takes_ten_thousand_events() -> None:
    events = [{"timestamp": 0, "message": "x"}] * 25_000
    assert [len(batch) for batch in split_events(events)] == [10_000, 10_000, 5_000]
