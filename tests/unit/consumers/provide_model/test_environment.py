"""A parameter's text becomes an environment, or a reason."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_consumers.provide_model.environment import parse_environment
from tailrace_core.errors import InputError

names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,30}", fullmatch=True)


@given(st.dictionaries(names, st.text(max_size=50), max_size=20), st.sampled_from([None, 2]))
def test_what_is_written_as_json_comes_back(environment: dict[str, str], indent: int | None) -> None:
    assert parse_environment(json.dumps(environment, indent=indent)) == environment


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_no_text_is_no_variable(text: str) -> None:
    assert parse_environment(text) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON"),
        ("WORKERS=2", "is not JSON"),
        ("[]", "is not a JSON object"),
        ('"a"', "is not a JSON object"),
        ('{"WORKERS": 2}', 'WORKERS=2: values are strings, write it as {"NAME": "value"}'),
        ('{"A": null}', "A=null"),
        ('{"A": {"B": "c"}}', "values are strings"),
        ('{"A": "1", "A": "2"}', "names A twice"),
        ('{"": "x"}', "variable ''"),
        ('{"A-B": "x"}', "'A-B': names are letters"),
        ('{"9": "x"}', "'9'"),
        (json.dumps({"A": "x" * 1025}), "1025 characters in A"),
        (json.dumps({"A" * 1025: "x"}), "names are letters"),
        (json.dumps({f"A{n}": "x" for n in range(101)}), "101 variables"),
    ],
)
def test_anything_else_is_refused_with_the_place(text: str, said: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_environment(text)
    assert said in refused.value.message


@given(st.text(max_size=200))
def test_no_text_breaks_it(text: str) -> None:
    with suppress(InputError):
        assert all(isinstance(value, str) for value in parse_environment(text).values())
