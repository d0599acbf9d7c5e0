"""Options in a JSON object: checked whole, and refused with all that is wrong."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.engines import Engine
from tailrace_core.errors import InputError
from tailrace_core.submission.option_objects import NOT_HERE, parse_options
from tailrace_core.submission.options import OnBadRow, SubmitOptions

NAME = "v1/inbox/a.csv.options.json"
TEXT = st.text(st.characters(), max_size=8)
"""Halves of surrogate pairs included, which JSON can hold and UTF-8 cannot."""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def read(values: Any, **more: Any) -> SubmitOptions:
    return parse_options(json.dumps(values).encode(), NAME, **more)


def test_an_object_is_read_as_the_options_of_a_submit() -> None:
    values = {
        "header": "repeat",
        "keep": ["id", "day"],
        "send": "a,b",
        "chunk_rows": 100,
        "chunk_bytes": None,
        "on_bad_row": "stop",
        "max_rejects": "2.5%",
        "deadline_s": 60,
        "via": "realtime",
        "tags": {"team": "forecasting"},
        "name": "nightly",
    }
    found = read(values, job_key="k", tags={"tailrace:inbox": "1"})
    assert (found.header, found.on_bad_row, found.via) == (HeaderPolicy.REPEAT, OnBadRow.STOP, Engine.REALTIME)
    assert (found.keep, found.send, found.chunk_rows, found.job_key) == (("id", "day"), ("a", "b"), 100, "k")
    assert found.tags == {"team": "forecasting", "tailrace:inbox": "1"}


def test_an_empty_object_is_the_default() -> None:
    assert read({}) == SubmitOptions()


@pytest.mark.parametrize("option", sorted({each.name for each in fields(SubmitOptions)} - NOT_HERE))
def test_every_option_may_be_named_and_has_a_type(option: str) -> None:
    with pytest.raises(InputError, match=rf"^{NAME}: '{option}' is \[\[1\]\]: "):
        read({option: [[1]]})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[" * 5_000, "is not JSON"),
        (b"[]", "is no JSON object"),
        (b'{"keep": ["a"], "keep": ["b"]}', 'has "keep" twice; leave one out'),
        (b'{"tags": {"a": "1", "a": "2"}}', 'has "a" twice; leave one out'),
        (b" " * 70_000, "has 70000 bytes; options have 65536 at most"),
        (b'{"chunk_row": 5, "keep": 7}', "'chunk_row' is no option here; .* 'keep' is 7: "),
        (b'{"chunk_rows": true}', "'chunk_rows' is true: Input should be a valid integer"),
        (b'{"chunk_rows": "5"}', "'chunk_rows' is \"5\": Input should be a valid integer"),
        (b'{"join": 1}', "'join' is 1: Input should be a valid boolean"),
        (b'{"recipe": "r.toml"}', "'recipe' is no option here"),
        (b'{"recipe": "r.toml", "a": 1}', "'recipe', 'a' are no options here; the options are [^']*$"),
        (b'{"name": "\\ud800"}', "'name' is \"\\\\ud800\": "),
        (b'{"job_key": "mine"}', "'job_key' is no option here"),
        (b'{"via": "auto"}', "via is 'auto', which needs the client"),
        (b'{"via": "carrier pigeon"}', "carrier pigeon"),
        (b'{"deadline_s": 0}', "the deadline is 0"),
        (b'{"output_columns": []}', "output_columns is empty"),
    ],
)
def test_what_is_wrong_is_said_with_the_name_of_the_object(body: bytes, message: str) -> None:
    with pytest.raises(InputError, match=rf"(?s)^{NAME}.*{message}"):
        parse_options(body, NAME)


@given(st.dictionaries(st.sampled_from([each.name for each in fields(SubmitOptions)]), JSON, max_size=4) | JSON)
def test_any_json_is_read_or_refused(values: Any) -> None:
    refusal = None
    try:
        found = read(values)
    except InputError as error:
        refusal = error.message
    assert refusal.encode().startswith(NAME.encode()) if refusal is not None else isinstance(found, SubmitOptions)
