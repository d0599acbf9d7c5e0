"""The settings of a job: what is stored is what pydantic stored before."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from tailrace_core.answers.shape import ColumnType
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.engines import Engine
from tailrace_core.jobs.model import JobSettings, OnParked

_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


class _Stored(BaseModel):
    """The model of pydantic that earlier versions stored."""

    schema_version: int = 1
    endpoint_name: str
    header: HeaderPolicy = HeaderPolicy.STRIP
    header_record: str | None = None
    source_columns: tuple[str, ...] = ()
    sent_columns: tuple[int, ...] = ()
    kept_columns: tuple[int, ...] = ()
    output_columns: tuple[str, ...] = ("prediction",)
    output_type: ColumnType | None = None
    content_type: str = "text/csv"
    accept: str = "text/csv"
    chunk_rows: Annotated[int, Field(ge=1)] = 50_000
    chunk_bytes: Annotated[int, Field(ge=1)] = 4 * 1024 * 1024
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 3
    max_rejects: Annotated[int, Field(ge=0)] | None = None
    max_rejects_percent: Annotated[float, Field(ge=0, le=100)] | None = None
    split_budget: Annotated[int, Field(ge=0)] = 10_000
    rows_per_split: Annotated[int, Field(ge=0)] = 0
    request_ttl_s: Annotated[int, Field(ge=60, le=21_600)] = 21_600
    invocation_timeout_s: Annotated[int, Field(ge=1, le=3_600)] = 900
    window: Annotated[int, Field(ge=0)] = 0
    on_parked: OnParked = OnParked.WAIT
    na_tokens: tuple[str, ...] = ()
    canaries: Annotated[int, Field(ge=0, le=100)] = 0
    echo_column: str | None = None


_VALUES = st.fixed_dictionaries(
    {"endpoint_name": _TEXT},
    optional={
        "header": st.sampled_from(HeaderPolicy),
        "header_record": st.none() | _TEXT,
        "source_columns": st.lists(_TEXT, max_size=4).map(tuple),
        "kept_columns": st.lists(st.integers(0, 9), max_size=3).map(tuple),
        "output_type": st.none() | st.sampled_from(ColumnType),
        "max_rejects": st.none() | st.integers(0, 10**9),
        "max_rejects_percent": st.none() | st.integers(1, 10_000).map(lambda share: share / 100),
        "on_parked": st.sampled_from(OnParked),
        "canaries": st.integers(0, 100),
        "echo_column": st.none() | _TEXT,
    },
)


@given(_VALUES)
def test_settings_are_stored_byte_for_byte_as_before_and_read_again(values: dict[str, Any]) -> None:
    settings = JobSettings(**values)
    assert settings.to_json() == _Stored(**values).model_dump_json()
    assert JobSettings.from_json(settings.to_json()) == settings
    excluded = settings.to_json({"canaries", "echo_column"})
    assert excluded == _Stored(**values).model_dump_json(exclude={"canaries", "echo_column"})


@pytest.mark.parametrize("name", [name for name, field in _Stored.model_fields.items() if field.annotation is not str])
@pytest.mark.parametrize("value", [-1, 0, 1, 59, 60, 100, 101, 3_600, 3_601, 21_600, 21_601, None])
def test_the_same_numbers_are_refused_as_before(name: str, value: int | None) -> None:
    if name.endswith(("columns", "tokens", "column", "version", "header_record")):
        return
    accepted = []
    models: tuple[Any, ...] = (JobSettings, _Stored)
    for model in models:
        try:
            model(endpoint_name="m", **{name: value})
            accepted.append(True)
        except ValueError:
            accepted.append(False)
    assert accepted[0] == accepted[1]


@pytest.mark.parametrize("engine", Engine)
def test_a_job_without_an_engine_is_asynchronous_and_any_other_is_stored(engine: Engine) -> None:
    settings = JobSettings(endpoint_name="m", engine=engine)
    assert ("engine" in settings.to_json()) == (engine is not Engine.ASYNC)
    assert JobSettings.from_json(settings.to_json()) == settings


def test_fields_of_a_newer_version_are_ignored() -> None:
    assert JobSettings.from_json('{"endpoint_name": "m", "new": 1}') == JobSettings(endpoint_name="m")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"endpoint_name": 1}', '{"endpoint_name": "m", "window": "x"}'])
def test_what_is_no_settings_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        JobSettings.from_json(text)
