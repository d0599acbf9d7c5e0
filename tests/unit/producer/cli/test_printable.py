from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.cli.printable import printable, printable_lines
from tailrace.cli.reports import job_reports
from tailrace.cli.reports.columns import align
from tailrace.operations.open_work import OpenWork
from tailrace_core.jobs.description import DescribedJob, JobDescription
from tailrace_core.jobs.model import Job, JobState

HOSTILE = "\x1b[2J\x9b31m\u202egpj.exe\r\nforged: line\x00"
_CONTROLS = {"Cc", "Cs", "Zl", "Zp"}


@given(st.text())
def test_no_character_is_left_that_controls_a_terminal_or_turns_text_around(text: str) -> None:
    shown = printable(text)
    assert not [each for each in shown if unicodedata.category(each) in _CONTROLS]
    assert not [each for each in shown if unicodedata.bidirectional(each) in {"LRO", "RLO", "LRE", "RLE", "PDF"}]
    shown.encode()


@given(st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"])))
def test_other_text_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (HOSTILE, r"\x1b[2J\x9b31m\u202egpj.exe\r\nforged: line\x00"),
        ("größe 😀", "größe 😀"),
        ("\udcff", r"\udcff"),
    ],
)
def test_escapes_are_those_of_python(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_several_lines_stay_several_lines() -> None:
    assert printable_lines("a\n\tb\x1b") == "a\n\tb\\x1b"


def test_a_reason_forges_no_line_of_a_report_and_is_unchanged_in_json() -> None:
    job = Job(job_id="J", state=JobState.FAILED, created_at=0, deadline_at=1, rows_total=1, reason=HOSTILE)
    for text in (
        job_reports.summary(job),
        job_reports.status_text(
            DescribedJob(
                job, JobDescription(name=HOSTILE, tags={HOSTILE: HOSTILE}, sources=(HOSTILE,), source_count=2)
            ),
            OpenWork(job.job_id),
            "demand",
            {"echo_column": HOSTILE},
            now=1.0,
        ),
        align([("A", "B"), (HOSTILE, "b")]),
    ):
        assert "\x1b" not in text
        assert "forged" in text
        assert not [line for line in text.splitlines() if line.startswith("forged")]
    assert job_reports.fields(job)["reason"] == HOSTILE
