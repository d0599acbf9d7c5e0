"""Descriptions come back as they were written, and what is out of bounds is the caller's mistake."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.errors import InputError
from tailrace_core.jobs.description import MAX_SOURCES, JobDescription, parse_tags

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


@given(st.none() | TEXT.filter(str.strip), st.dictionaries(TEXT, TEXT, max_size=5), st.lists(TEXT), st.none() | TEXT)
def test_a_description_reads_back_as_it_was_written(
    name: str | None, tags: dict[str, str], sources: list[str], key: str | None
) -> None:
    description = JobDescription.from_sources(sources, name=name, tags=tags, job_key=key)
    assert JobDescription.from_json(description.to_json()) == description
    assert description.source_count == len(sources)
    assert list(description.sources) == sources[:MAX_SOURCES]


def test_fields_of_a_later_version_are_left_out() -> None:
    assert JobDescription.from_json('{"name": "n", "colour": "red"}') == JobDescription(name="n")


@pytest.mark.parametrize(
    "values",
    [
        {"name": ""}, {"name": "  "}, {"name": "n" * 201}, {"tags": {"": "v"}}, {"tags": {"k" * 129: ""}},
        {"tags": {"k": "v" * 257}}, {"tags": {str(number): "" for number in range(21)}},
    ],
)  # fmt: skip
def test_what_is_out_of_bounds_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        JobDescription(**values)


def test_tags_are_chosen_by_key_and_value() -> None:
    description = JobDescription(tags={"team": "demand", "run": "7"})
    assert description.has_tags({"team": "demand"})
    assert description.has_tags({})
    assert not description.has_tags({"team": "demand", "run": "8"})


def test_tags_are_written_as_pairs() -> None:
    assert parse_tags(["a=1=2", "b=", "a=1=2"]) == {"a": "1=2", "b": ""}
    for wrong in (["a"], ["=b"], ["a=1", "a=2"]):
        with pytest.raises(InputError, match="tag"):
            parse_tags(wrong)
