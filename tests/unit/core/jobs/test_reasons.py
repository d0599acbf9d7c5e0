"""Reasons as people read them, and what makes two of them one cause."""

from __future__ import annotations

import pytest

from tailrace_core.jobs.reasons import MAX_CAUSE_CHARS, UNPROVEN_NOTE, cause_of, lead

SERVER_ERROR = (
    "ClientError: Received server error (500) from model. "
    "See the SageMaker Endpoint logs in your account for more information."
)


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        (f"{SERVER_ERROR} no connection", "no connection (server error 500 from model)"),
        (
            f"redriven (2): fixed; parked for: {SERVER_ERROR} no connection",
            "no connection (server error 500 from model)",
        ),
        ('Received client error (400) from primary with message "bad row"', "bad row (client error 400 from primary)"),
        ("Access Denied", "Access Denied"),
    ],
)
def test_the_containers_words_come_first(reason: str, shown: str) -> None:
    assert lead(reason) == shown


@pytest.mark.parametrize(
    "alike",
    [
        f"{SERVER_ERROR} no connection ({UNPROVEN_NOTE})",
        f"redriven (1): it is back; parked for: {SERVER_ERROR} no connection",
        f"redriven (1): it is back; parked for: {SERVER_ERROR} no connection ({UNPROVEN_NOTE})",
    ],
)
def test_words_of_the_pipeline_make_no_other_cause(alike: str) -> None:
    assert cause_of(alike) == cause_of(f"{SERVER_ERROR} no connection")


def test_numbers_and_values_make_no_other_cause_but_a_status_does() -> None:
    assert cause_of(f"{SERVER_ERROR} row 12: 'x'") == cause_of(f"{SERVER_ERROR} row 7: 'yy'")
    assert cause_of(f"{SERVER_ERROR} row") != cause_of(f"{SERVER_ERROR} row".replace("500", "503"))


def test_a_long_reason_is_one_cause_with_and_without_the_note() -> None:
    words = "word " * 2_000
    assert cause_of(f"{words}({UNPROVEN_NOTE})") == cause_of(words)
    assert len(cause_of(words)) == MAX_CAUSE_CHARS
