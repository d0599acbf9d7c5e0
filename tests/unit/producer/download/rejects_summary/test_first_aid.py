"""First aid: models' own words lead to the option that helps."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.download.rejects_summary.first_aid import MOST_HINTS, TABLE, first_aid, hints_for
from tailrace.download.rejects_summary.reasons import ReasonGroup
from tailrace.download.rejects_summary.summary import RejectsSummary
from tailrace_core.answers.reader import ExpectedPredictions, align_predictions
from tailrace_core.errors import AlignmentError
from tailrace_core.jobs.model import Job, JobState

_400 = "ClientError: Received client error (400) from model. See the SageMaker Endpoint logs in your account. "
_500 = _400.replace("client error (400)", "server error (500)")
WORDS = [
    (_400 + "Model is missing inputs ['a', 'b'].", "--header repeat"),
    (
        _400 + '{"error_code": "BAD_REQUEST", "message": "schema: Model is missing inputs"}',
        "--header repeat",
    ),
    (_500 + "ValueError: feature_names mismatch: ['a', 'b'] ['f0', 'f1']", "--header repeat"),
    (_500 + "The feature names should match those that were passed during fit.", "--header repeat"),
    (_400 + "Verify that the serialized input Dataframe is compatible with the model fo…", "--header repeat"),
    (_500 + "columns are missing: {'a'}", "--header repeat"),
    (_500 + "KeyError: 'total_price'", "--header repeat"),
    (_500 + "KeyError: \"['a' 'b'] not in index\"", "--header repeat"),
    (_400.replace("400", "413") + "Request Entity Too Large", "--chunk-bytes"),
    ("Received client error (413) from primary", "--chunk-bytes"),
    ("The response of the model exceeded the maximum size", "--chunk-bytes"),
    (_400.replace("400", "415") + "unsupported", "--content-type"),
    (_500 + "Content type text/csv is not supported by this framework.", "--content-type"),
    (_500 + "UnsupportedFormatError: Content type application/x unsupported media type", "--content-type"),
    (_400.replace("400", "406") + "no", "--accept"),
    (_400 + "could not convert string to float: 'NA'", "--na"),
    (_400 + "a row is not numbers: could not convert string to float: 'id'", "--header strip"),
    (_400 + "invalid literal for int() with base 10: 'x'", "--drop"),
    (_500 + "Input X contains NaN.", "--na NA,NULL,nan,"),
    (_500 + "ValueError: Input contains NaN, infinity or a value too large for dtype('float64').", "--na NA,NULL,nan,"),
    (_500 + "XGBoostError: Feature shape mismatch, expected: 3, got 4", "--send"),
    (_400 + "X has 4 features, but LinearRegression is expecting 3 features as input.", "--send"),
    (
        _500 + "LightGBMError: The number of features in data (4) is not the same as in training",
        "--send",
    ),
    (_500 + "mat1 and mat2 shapes cannot be multiplied (1x4 and 3x1)", "--send"),
    (_500 + "shapes (2,4) and (3,) not aligned: 4 (dim 1) != 3 (dim 0)", "--send"),
    ("Model container timed out while waiting for a response", "--chunk-rows"),
    (_500 + "upstream timed out (110: Connection timed out)", "--invocation-timeout"),
    (_500 + "Worker died.", "--chunk-rows"),
    (_500 + "CUDA out of memory", "--chunk-rows"),
    ("The container did not specify the required Content-Length header", "Content-Length"),
    (_400.replace("400", "404") + "Not Found", "POST /invocations"),
    ("record of 5000006 bytes is over the chunk limit of 4194304", "tailrace advise"),
    ("row of 5000006 bytes as JSON is over the chunk limit of 4194304", "raise `--chunk-bytes`"),
    ("3 fields expected, 4 found", "quotes and the commas"),
]
"""Reasons as models, frameworks and this pipeline write them, and a part of the hint."""


@pytest.mark.parametrize(("reason", "option"), WORDS)
def test_known_words_lead_to_the_option_that_helps(reason: str, option: str) -> None:
    (hint,) = hints_for([reason])
    assert option in hint


def test_every_hint_of_the_table_is_one_that_known_words_lead_to() -> None:
    known = {hint for reason, _ in [*WORDS, *((text, "") for text in refusals())] for hint in hints_for([reason])}
    assert {hint for _, hint in TABLE} == known


def refusals() -> list[str]:
    """Return what the alignment of answers says about typical wrong ones."""
    two = ExpectedPredictions(2)
    found = []
    for body, expected in (
        (b"1\n", two),
        (b"<html><body>no</body></html>", two),
        (b"1,2\n3,4\n", two),
        (b'[{"a": 1, "b": 2}, {"a": 1, "b": 2}]', two),
    ):
        with pytest.raises(AlignmentError) as raised:
            list(align_predictions([body], expected))
        found.append(str(raised.value))
    return [*found, "the answer may be an error's text, not predictions: declare it with --output-type text"]


def test_what_the_alignment_refuses_has_hints() -> None:
    options = ["local invoke", "local invoke", "--output-columns", "--output-columns", "--output-type text"]
    for reason, option in zip(refusals(), options, strict=True):
        (hint,) = hints_for([reason])
        assert option in hint, reason


@pytest.mark.parametrize(
    "reason", ["", "something that nobody has seen before", "no row of 413 was scored", "request 415 was refused"]
)
def test_unknown_words_lead_nowhere(reason: str) -> None:
    assert hints_for([reason]) == ()


@given(st.lists(st.sampled_from([reason for reason, _ in WORDS])))
def test_hints_are_few_and_come_once_in_the_order_of_the_reasons(reasons: list[str]) -> None:
    hints = hints_for(reasons)
    assert len(hints) <= MOST_HINTS
    assert len(set(hints)) == len(hints)
    assert list(hints) == list(dict.fromkeys(hints_for([reason])[0] for reason in reasons))[:MOST_HINTS]


def _job(state: JobState, **counters: Any) -> Job:
    return Job(job_id="J", state=state, created_at=0, deadline_at=1, rows_total=4, **counters)


_SUMMARY = RejectsSummary((ReasonGroup(WORDS[0][0], 4),), 4, 4)


def test_a_job_that_waits_for_an_operator_gets_first_aid_from_its_parked_chunks_while_nothing_is_scored() -> None:
    parked = [WORDS[0][0], None, WORDS[-1][0]]
    assert first_aid(_job(JobState.RUNNING), None, parked) == hints_for([WORDS[0][0], WORDS[-1][0]])
    assert not first_aid(_job(JobState.RUNNING, rows_scored=1), None, parked)


def test_only_a_job_that_ended_without_a_scored_row_gets_first_aid() -> None:
    assert first_aid(_job(JobState.FAILED, rows_rejected=4), _SUMMARY)
    assert first_aid(_job(JobState.FAILED, rows_cancelled=4, reason=WORDS[0][0]), None)
    assert first_aid(_job(JobState.CANCELLED, rows_rejected=2, rows_cancelled=2), _SUMMARY)
    assert not first_aid(_job(JobState.COMPLETED_WITH_REJECTS, rows_rejected=1, rows_scored=3), _SUMMARY)
    assert not first_aid(_job(JobState.RUNNING, rows_rejected=4), _SUMMARY)
    assert not first_aid(_job(JobState.CANCELLED, rows_cancelled=4, reason="Model is missing inputs"), None)
    assert not first_aid(_job(JobState.COMPLETED, rows_scored=4), None)
