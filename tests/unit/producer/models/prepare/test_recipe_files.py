"""Recipes: what is wrong with one is said with its place and its remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tailrace.models.prepare.plan import plan_for
from tailrace.models.prepare.recipes.recipe_files import fitted_document, load_recipe, parse_recipe
from tailrace_core.errors import InputError

ERRORS = {
    "x": "Expected '=' after a key in a key/value pair (at end of document)",
    "colums = 1": "colums is no key of a recipe; the keys here are input, columns, select, rename, target, version",
    "version = 2": "version is 2; this release reads version 1",
    "columns = 1": "columns is 1; write a table: [columns]",
    "target = 1": "target is 1; write the name of one column",
    'select = "a"': 'select is \'a\'; write a list of texts: ["a", "b"]',
    "rename.a = 1": "rename.a is 1; write the new name as text",
    "columns.a = 1": "columns.a is 1; write a table: [columns.a], or columns.a = { strip = true }",
    "columns.a.type = 1": (
        "columns.a.type is no key of a recipe; the keys here are strip, na, to, finite, on_error, fill, drop_if_null"
    ),
    "columns.a.strip = 1": "columns.a.strip is 1; write true or false",
    'columns.a.to = "int"': "columns.a.to is 'int'; write \"number\", or leave it out for text",
    'columns.a.on_error = "null"': 'columns.a.on_error needs to = "number" beside it; add that, or leave it out',
    'columns.a = {to = "number", on_error = "skip"}': ("columns.a.on_error is 'skip'; write one of null, reject, fail"),
    'columns.a.fill = "median"': (
        'columns.a.fill is "median", which only numbers have: add to = "number", or use "mode"'
    ),
    'columns.a = {to = "number", fill = "x"}': ('columns.a.fill is \'x\'; write a finite number, "median" or "mode"'),
    'columns.a = {to = "number", fill = inf}': (
        'columns.a.fill is Decimal(\'Infinity\'); write a finite number, "median" or "mode"'
    ),
    "columns.a = {fill = true}": 'columns.a.fill is True; write a number, a text, "median" or "mode"',
    'columns.a.fill = ""': "columns.a.fill is empty or holds control characters: write a value, or leave it out",
    "columns.a = {fill = 1, drop_if_null = true}": (
        "columns.a has both fill and drop_if_null, and a filled cell is never null: leave out one"
    ),
    "columns.a.na = [1]": 'columns.a.na is [1]; write a list of texts: ["a", "b"]',
    'input.delimiter = "ab"': "input.delimiter is 'ab'; write one character",
    'input.delimiter = "\\n"': "input.delimiter is '\\n'; write one character",
    "input.quote = '\"'\ninput.delimiter = '\"'": ('input.delimiter is \'"\'; write a character such as ";" or "\\t"'),
    'input.quote = ";"\ninput.delimiter = ";"': (
        "input has the same character for delimiter and quote: name two different ones"
    ),
    'input.thousands = "."': (
        "input.thousands is '.'; write the character between groups of three digits, another than that of decimals"
    ),
    'input.thousands = "12"': "input.thousands is '12'; write one character",
    'input.decimal = ";"': 'input.decimal is \';\'; write "." or ","',
    'input.encoding = "utf-17"': (
        'input.encoding is \'utf-17\', which Python does not know; write "utf-16" or "latin-1", for instance'
    ),
    'input.encoding = "base64"': (
        'input.encoding is \'base64\', which Python does not know; write "utf-16" or "latin-1", for instance'
    ),
    "input.header = 1": "input.header is 1; write true or false",
    "input.sep = 1": (
        "input.sep is no key of a recipe; the keys here are header, delimiter, quote, encoding, decimal, thousands"
    ),
}


@pytest.mark.parametrize("text", ERRORS)
def test_an_error_says_where_what_and_what_to_do(text: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_recipe(path)
    said = str(caught.value)
    assert said.startswith((f"{path}: ", f"{path} is not valid TOML: "))
    assert said.partition(": ")[2] == ERRORS[text]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read (No such file or directory): check its path"),
        (b"\xff", "is not UTF-8 (at byte 0): is it a recipe?"),
        (b"{", "is not valid JSON"),
        (b"{}", "is JSON, but no fitted recipe"),
        (b'{"kind": "tailrace-fitted-recipe", "recipe": {"colum": 1}}', "recipe.colum is no key of a recipe"),
        (b'{"kind": "tailrace-fitted-recipe", "recipe": {}, "fitted": 1}', "fitted is no table of texts"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused(content: bytes | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=f"{path}.*") as caught:
        load_recipe(path)
    assert said in str(caught.value)


PLANS: list[tuple[dict[str, Any], str]] = [
    ({"columns": {"x": {}}}, "no column 'x', which columns names; the columns are 'a', 'b', 'c'"),
    ({"columns": {"a": {}, "a:b": {}}}, "columns names column 'a' twice: name it once"),
    ({"select": ["a", "a"]}, "select names column 'a' twice: name it once"),
    ({"rename": {"x": "y"}}, "rename names no column of the input: 'x'; they are 'a', 'b', 'c'"),
    ({"rename": {"a": "b"}}, "two columns would be called 'b': rename one of them otherwise"),
    ({"target": "x"}, "target names no column of the input: 'x'; they are 'a', 'b', 'c'"),
]


@pytest.mark.parametrize(("recipe", "said"), PLANS, ids=lambda value: str(value)[:40])
def test_a_recipe_that_does_not_fit_the_input_is_refused(recipe: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        plan_for(parse_recipe(recipe, "r.toml"), ("a", "b", "c"))
    assert str(caught.value) == f"r.toml: {said}"


def test_ranges_and_a_star_stand_for_columns() -> None:
    recipe = parse_recipe(
        {"columns": {"a:b": {"strip": True}, "*": {"to": "number"}}, "select": ["d", "*"], "rename": {"d": "y"}}, "r"
    )
    plan = plan_for(recipe, ("a", "b", "c", "d"))
    assert [each.strip for each in plan.steps.values()] == [True, True, False, False]
    assert [each.number for each in plan.steps.values()] == [False, False, True, True]
    assert plan.names == ("y", "a", "b", "c")


def test_a_fitted_recipe_reads_back_as_it_was_written(tmp_path: Path) -> None:
    recipe = parse_recipe(
        {
            "input": {"delimiter": ";", "quote": "", "encoding": "utf-16", "decimal": ",", "header": False},
            "columns": {"a": {"strip": True, "na": ["-"], "to": "number", "on_error": "null", "fill": "median"}},
            "select": ["a"],
            "rename": {"a": "ä"},
            "target": "b",
        },
        "r",
    )
    path = tmp_path / "fitted.json"
    path.write_text(fitted_document(recipe, 5))
    read = load_recipe(path)
    assert (read.input, read.columns, read.select, read.rename, read.target) == (
        recipe.input,
        recipe.columns,
        recipe.select,
        recipe.rename,
        recipe.target,
    )
    assert read.fitted == {}
    with pytest.raises(InputError, match="no value was computed for column 'a'"):
        plan_for(read, ("a", "b"))
