"""Partial batch responses: the messages that a function's answer returns to the queue."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_local.cloud.event_sources.batch_response import failed_messages

IDS = ["a", "b", "c"]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("answer", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}, {"other": 1}])
def test_an_empty_or_absent_list_is_whole_success(answer: Any) -> None:
    assert failed_messages(answer, IDS, reports_failures=True) == frozenset()


@pytest.mark.parametrize(
    "answer",
    [
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"itemIdentifier": "stranger"}]},
        {"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "stranger"}]},
        {"batchItemFailures": [{"itemIdentifer": "a"}]},
        {"batchItemFailures": ["a"]},
        {"batchItemFailures": {"itemIdentifier": "a"}},
        {"batchItemFailures": "a"},
        "done",
        ["a"],
        7,
    ],
)
def test_a_malformed_answer_brings_the_whole_batch_back(answer: Any) -> None:
    assert failed_messages(answer, IDS, reports_failures=True) == frozenset(IDS)


@given(st.sets(st.sampled_from(IDS)))
def test_exactly_the_named_messages_come_back(named: set[str]) -> None:
    answer = {"batchItemFailures": [{"itemIdentifier": name} for name in named]}
    assert failed_messages(answer, IDS, reports_failures=True) == named


@given(json_values)
def test_without_reports_any_answer_is_whole_success(answer: Any) -> None:
    assert failed_messages(answer, IDS, reports_failures=False) == frozenset()


@given(st.dictionaries(st.just("batchItemFailures"), json_values, min_size=1))
def test_no_answer_brings_back_a_message_of_another_batch(answer: dict[str, Any]) -> None:
    assert failed_messages(answer, IDS, reports_failures=True) <= frozenset(IDS)
