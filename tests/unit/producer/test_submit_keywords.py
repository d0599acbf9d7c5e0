"""The keyword arguments of submit: one list for type checkers, `help` and the options themselves."""

from __future__ import annotations

import inspect
import pydoc
import re
from dataclasses import MISSING, fields
from enum import Enum
from typing import Any, get_type_hints

import pytest

from tailrace import AsyncTailrace, SubmitKeywords, SubmitOptions, Tailrace
from tailrace.client.submit_keywords import merged_options

_METHODS = [Tailrace.submit, Tailrace.estimate, AsyncTailrace.submit, AsyncTailrace.estimate]


def _default(option: Any) -> Any:
    default = option.default_factory() if option.default is MISSING else option.default
    return default.value if isinstance(default, Enum) else default


def test_the_keywords_are_the_options_in_their_order() -> None:
    assert list(get_type_hints(SubmitKeywords)) == [each.name for each in fields(SubmitOptions)]


@pytest.mark.parametrize("method", _METHODS)
def test_help_lists_every_option_with_its_default(method: Any) -> None:
    parameters = inspect.signature(method).parameters
    text = pydoc.plain(pydoc.render_doc(method))
    signature, *described = re.split(r"\n +(?=[a-z_]+: )", text)
    entries = {each.partition(":")[0]: " ".join(each.split()) for each in described}
    for option in fields(SubmitOptions):
        assert parameters[option.name].kind is inspect.Parameter.KEYWORD_ONLY
        assert parameters[option.name].default == _default(option)
        assert f"{option.name}: " in signature
        said = re.search(r"Default: (.*)\.", entries[option.name])
        assert said is not None, option.name
        assert _means(said[1], _default(option)), (option.name, said[1])
    assert "keywords" not in parameters


@pytest.mark.parametrize(
    ("name", "hint"), [("keeep", "did you mean 'keep'[?]"), ("zzz", r"help\(Tailrace.submit\) lists the options")]
)
def test_an_option_that_is_not_there_is_named_with_one_that_is(name: str, hint: str) -> None:
    given: Any = {name: 1}
    with pytest.raises(TypeError, match=f"there is no option '{name}'.*{hint}"):
        merged_options(None, given)


def _means(said: str, default: Any) -> bool:
    """Whether a described default is the default."""
    said = said.replace("`", "")
    if default is None:
        return said.startswith(("None", "all"))
    if default in ((), {}):
        return said.startswith(("none", "all"))
    if isinstance(default, bool):
        return said == str(default)
    if isinstance(default, int | float):
        return float(re.split(r"[ (]", said)[0].replace(",", "")) == default
    return said == (str(default) if isinstance(default, tuple) else f'"{default}"').replace("'", '"')


@pytest.mark.parametrize("name", [each.name for each in fields(SubmitOptions) if each.name.endswith(("_s", "_bytes"))])
def test_help_names_the_unit_of_each_option_that_has_one(name: str) -> None:
    entry = re.search(rf"{name}: (.*?)(?=\n        \w+: |$)", SubmitKeywords.__doc__ or "", re.DOTALL)
    assert entry is not None
    assert ("bytes" if name.endswith("_bytes") else "econds") in entry[1]


def test_keywords_replace_the_fields_of_the_options_given() -> None:
    given = SubmitOptions(chunk_rows=7, keep="a,b")
    assert merged_options(given, {"chunk_rows": 9, "header": "repeat"}) == SubmitOptions(
        chunk_rows=9,
        keep=("a", "b"),
        header=SubmitOptions(header="repeat").header,  # type: ignore[arg-type]
    )
    assert merged_options(None, {}) == SubmitOptions()
    with pytest.raises(TypeError, match="chunk_size"):
        merged_options(None, {"chunk_size": 9})  # type: ignore[typeddict-unknown-key]
