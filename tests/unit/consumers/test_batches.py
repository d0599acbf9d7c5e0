"""A message that fails comes again, and no other one with it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_consumers.batches import Record, partial_response


def batch(bodies: list[str]) -> dict[str, Any]:
    return {"Records": [{"messageId": f"m{at}", "body": body, "receiptHandle": "r"} for at, body in enumerate(bodies)]}


@given(st.lists(st.sampled_from(["good", "bad"]), max_size=10))
def test_those_that_raised_come_again_and_all_were_tried(bodies: list[str]) -> None:
    seen: list[str] = []

    def handle(record: Record) -> None:
        seen.append(record.body)
        if record.body == "bad":
            raise RuntimeError

    answer = partial_response(batch(bodies), handle)
    assert seen == bodies
    wanted = [f"m{at}" for at, body in enumerate(bodies) if body == "bad"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": name} for name in wanted]}


def test_what_ends_the_process_ends_the_batch() -> None:
    def handle(_: Record) -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        partial_response(batch(["x"]), handle)


def test_an_event_that_is_no_batch_fails_whole() -> None:
    with pytest.raises(KeyError):
        partial_response({"Records": [{"body": "x"}]}, lambda _: None)
