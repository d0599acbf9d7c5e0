"""Inference ids."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.jobs.identities import MAX_ATTEMPT, InferenceId
from tailrace_core.jobs.ranges import RowRange
from tests.unit.core.strategies import JOB, job_ids, row_ranges


@given(job_ids, row_ranges(), st.integers(1, MAX_ATTEMPT))
def test_ids_round_trip_within_the_services_limit(job_id: str, rows: RowRange, attempt: int) -> None:
    text = str(InferenceId(job_id, rows, attempt))
    assert len(text) <= 64
    assert text.isascii()
    assert InferenceId.parse(text) == InferenceId(job_id, rows, attempt)


@given(st.text(max_size=70))
def test_any_other_text_is_not_ours(text: str) -> None:
    parsed = InferenceId.parse(text)
    assert parsed is None or str(parsed) == text


@pytest.mark.parametrize(
    "text",
    [
        "9b9b1c1a-8c4e-4a55-9bb5-1f3c2d5f9a11",
        f"{JOB}.0.10",
        f"{JOB}.0.0.1",
        f"{JOB}.0.10.0",
        f"{JOB}.00.10.1",
        f"{JOB}.0.010.1",
        f"{JOB}.0.10.1\n",
        f" {JOB}.0.10.1",
        f"{JOB}.-1.10.1",
        f"{JOB}.0.10.1.1",
        f"{JOB}.٣.10.1",
        f"{JOB.lower()}.0.10.1",
        f"8{JOB[1:]}.0.10.1",
        f"{JOB}.999999999999.999999999999.1",
    ],
)
def test_what_only_looks_like_one_is_not_ours(text: str) -> None:
    assert InferenceId.parse(text) is None


@pytest.mark.parametrize("attempt", [0, -1, MAX_ATTEMPT + 1])
def test_attempts_are_counted_from_one(attempt: int) -> None:
    with pytest.raises(ValueError, match="attempts"):
        InferenceId(JOB, RowRange(0, 1), attempt)
