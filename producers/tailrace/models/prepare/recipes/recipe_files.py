"""Recipes in files: TOML as people write it, and JSON with the values that were computed.

Every error says where in the file it is, what is wrong, and what to write instead.
"""

from __future__ import annotations

import codecs
import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from tailrace.models.prepare.recipes.recipe import (
    DEFAULT_ENCODING,
    FITTED_FILLS,
    MEDIAN,
    ColumnSteps,
    InputDialect,
    OnError,
    Recipe,
)
from tailrace_core.errors import InputError

KIND = "tailrace-fitted-recipe"
_TOP = ("input", "columns", "select", "rename", "target")
_DELIMITERS = frozenset('\r\n\0"')
_IN_NUMBERS = frozenset('0123456789+-eE"')
_SPACE = ord(" ")
RecipeName = str | os.PathLike[str]


def load_recipe(source: Recipe | Mapping[str, Any] | RecipeName) -> Recipe:
    """Return the recipe of a file, of a mapping with the same keys, or itself.

    Raises:
        InputError: the file cannot be read, or holds no valid recipe.
    """
    if isinstance(source, Recipe):
        return source
    if isinstance(source, Mapping):
        return parse_recipe(source, "the recipe")
    where = os.fspath(source)
    try:
        text = Path(where).read_bytes().decode()
    except OSError as exc:
        raise InputError(f"recipe {where} cannot be read ({exc.strerror}): check its path") from exc
    except UnicodeDecodeError as exc:
        raise InputError(f"recipe {where} is not UTF-8 (at byte {exc.start}): is it a recipe?") from exc
    return parse_recipe(_json(text, where) if text.lstrip().startswith("{") else _toml(text, where), where)


def parse_recipe(document: Mapping[str, Any], where: str) -> Recipe:
    """Return the recipe in a document, fitted or not; ``where`` names it in messages.

    Raises:
        InputError: a key or a value is wrong.
    """
    if document.get("kind") == KIND:
        recipe = _Reader(where, "recipe.").recipe(document.get("recipe", {}))
        fitted = document.get("fitted")
        if not isinstance(fitted, Mapping) or not all(isinstance(value, str) for value in fitted.values()):
            raise InputError(f"{where}: fitted is no table of texts: write the file anew with `tailrace prepare`")
        return replace(recipe, fitted=dict(fitted))
    return _Reader(where).recipe(document)


def fitted_document(recipe: Recipe, rows: int) -> str:
    """Return the JSON text of a fitted recipe that was computed from so many rows."""
    document = {"kind": KIND, "version": 1, "rows": rows, "fitted": dict(recipe.fitted or {}), "recipe": _plain(recipe)}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _plain(recipe: Recipe) -> dict[str, Any]:
    given, usual = recipe.input, InputDialect()
    dialect = {name: getattr(given, name) for name in given.__slots__ if getattr(given, name) != getattr(usual, name)}
    if given.quote is None:
        dialect["quote"] = ""
    document: dict[str, Any] = {
        "input": dialect,
        "columns": {name: _steps(each) for name, each in recipe.columns.items()},
    }
    if recipe.select:
        document["select"] = list(recipe.select)
    if recipe.rename:
        document["rename"] = dict(recipe.rename)
    if recipe.target is not None:
        document["target"] = recipe.target
    return document


def _steps(steps: ColumnSteps) -> dict[str, Any]:
    document: dict[str, Any] = {"strip": steps.strip, "na": list(steps.na), "drop_if_null": steps.drop_if_null}
    if steps.number:
        document |= {"to": "number", "finite": steps.finite, "on_error": str(steps.on_error)}
    if steps.fill is not None:
        document["fill"] = steps.fill
    return document


def _json(text: str, where: str) -> Mapping[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as exc:
        raise InputError(f"{where} is not valid JSON: {exc}") from exc
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise InputError(
            f'{where} is JSON, but no fitted recipe (its kind is not "{KIND}"): name the file that `tailrace prepare` '
            "wrote, or a recipe in TOML"
        )
    return document


def _toml(text: str, where: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as exc:
        raise InputError(f"{where} is not valid TOML: {exc}") from exc


class _Reader:
    """Reads a document's keys; ``where`` and the key's path begin each message."""

    def __init__(self, where: str, path: str = "") -> None:
        self._where = where
        self._path = path

    def recipe(self, document: Any) -> Recipe:
        self._known(document, "", (*_TOP, "version"))
        if document.get("version", 1) != 1:
            raise self._error("version", f"is {document['version']!r}; this release reads version 1")
        columns = self._table(document, "columns")
        rename = self._table(document, "rename")
        for old, new in rename.items():
            if not isinstance(new, str) or not new:
                raise self._error(f"rename.{old}", f"is {new!r}; write the new name as text")
        target = document.get("target")
        if target is not None and not isinstance(target, str):
            raise self._error("target", f"is {target!r}; write the name of one column")
        return Recipe(
            where=self._where,
            input=self._dialect(self._table(document, "input")),
            columns={name: self._column(f"columns.{name}", steps) for name, steps in columns.items()},
            select=self._texts(document, "", "select"),
            rename=rename,
            target=target,
        )

    def _dialect(self, document: Mapping[str, Any]) -> InputDialect:
        self._known(document, "input.", InputDialect.__slots__)
        characters = ("delimiter", "quote", "decimal", "thousands")
        given: dict[str, Any] = {name: self._one(document, name) for name in characters if name in document}
        if "quote" in given and not given["quote"]:
            given["quote"] = None
        if "encoding" in document:
            given["encoding"] = self._encoding(document["encoding"])
        dialect = InputDialect(header=self._flag(document, "input.", "header", default=True), **given)
        if dialect.delimiter == dialect.quote:
            raise self._error("input", "has the same character for delimiter and quote: name two different ones")
        if dialect.decimal not in {".", ","}:
            raise self._error("input.decimal", f'is {dialect.decimal!r}; write "." or ","')
        if dialect.thousands is not None and (dialect.thousands == dialect.decimal or dialect.thousands in _IN_NUMBERS):
            raise self._error(
                "input.thousands",
                f"is {dialect.thousands!r}; write the character between groups of three digits, another than that of "
                "decimals",
            )
        return dialect

    def _one(self, document: Mapping[str, Any], name: str) -> str:
        value = document[name]
        empty = name == "quote" and value == ""
        if not empty and not (isinstance(value, str) and len(value) == 1 and value not in "\r\n\0"):
            may = ', or "" if nothing is quoted' if name == "quote" else ""
            raise self._error(f"input.{name}", f"is {value!r}; write one character{may}")
        if name == "delimiter" and value in _DELIMITERS:
            raise self._error("input.delimiter", f'is {value!r}; write a character such as ";" or "\\t"')
        return str(value)

    def _encoding(self, value: object) -> str:
        try:
            name = codecs.lookup(str(value)).name
            "a".encode(name)
        except (LookupError, ValueError) as exc:
            raise self._error(
                "input.encoding", f'is {value!r}, which Python does not know; write "utf-16" or "latin-1", for instance'
            ) from exc
        # A byte order mark before UTF-8 is dropped in any case.
        return DEFAULT_ENCODING if name in {"utf-8", "utf-8-sig", "ascii"} else name

    def _column(self, path: str, document: Any) -> ColumnSteps:
        if not isinstance(document, Mapping):
            raise self._error(path, f"is {document!r}; write a table: [{path}], or {path} = {{ strip = true }}")
        self._known(document, f"{path}.", ("strip", "na", "to", "finite", "on_error", "fill", "drop_if_null"))
        if document.get("to", "number") != "number":
            raise self._error(f"{path}.to", f'is {document["to"]!r}; write "number", or leave it out for text')
        number = "to" in document
        for name in () if number else ("finite", "on_error"):
            if name in document:
                raise self._error(f"{path}.{name}", 'needs to = "number" beside it; add that, or leave it out')
        try:
            on_error = OnError(document.get("on_error", OnError.REJECT))
        except ValueError:
            raise self._error(
                f"{path}.on_error", f"is {document['on_error']!r}; write one of {', '.join(OnError)}"
            ) from None
        steps = ColumnSteps(
            strip=self._flag(document, f"{path}.", "strip", default=False),
            na=self._texts(document, f"{path}.", "na"),
            number=number,
            finite=self._flag(document, f"{path}.", "finite", default=True),
            on_error=on_error,
            fill=self._fill(document, path, number=number),
            drop_if_null=self._flag(document, f"{path}.", "drop_if_null", default=False),
        )
        if steps.fill is not None and steps.drop_if_null:
            raise self._error(path, "has both fill and drop_if_null, and a filled cell is never null: leave out one")
        return steps

    def _fill(self, document: Mapping[str, Any], path: str, *, number: bool) -> str | None:
        if "fill" not in document:
            return None
        value = document["fill"]
        if isinstance(value, bool) or not isinstance(value, (int, float, Decimal, str)):
            raise self._error(f"{path}.fill", f'is {value!r}; write a number, a text, "median" or "mode"')
        text = str(value)
        if text == MEDIAN and not number:
            raise self._error(f"{path}.fill", 'is "median", which only numbers have: add to = "number", or use "mode"')
        if number and text not in FITTED_FILLS and not _is_finite(text):
            raise self._error(f"{path}.fill", f'is {value!r}; write a finite number, "median" or "mode"')
        if not text or any(ord(each) < _SPACE for each in text):
            raise self._error(f"{path}.fill", "is empty or holds control characters: write a value, or leave it out")
        return text

    def _flag(self, document: Mapping[str, Any], path: str, name: str, *, default: bool) -> bool:
        value = document.get(name, default)
        if not isinstance(value, bool):
            raise self._error(f"{path}{name}", f"is {value!r}; write true or false")
        return value

    def _texts(self, document: Mapping[str, Any], path: str, name: str) -> tuple[str, ...]:
        value = document.get(name, ())
        if not isinstance(value, (list, tuple)) or not all(isinstance(each, str) for each in value):
            raise self._error(f"{path}{name}", f'is {value!r}; write a list of texts: ["a", "b"]')
        return tuple(value)

    def _table(self, document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        value = document.get(name, {})
        if not isinstance(value, Mapping):
            raise self._error(name, f"is {value!r}; write a table: [{name}]")
        return value

    def _known(self, document: Any, path: str, names: tuple[str, ...]) -> None:
        if not isinstance(document, Mapping):
            raise self._error(path.removesuffix(".") or "it", f"is {document!r}; write a table of keys")
        for name in document:
            if name not in names:
                raise self._error(f"{path}{name}", f"is no key of a recipe; the keys here are {', '.join(names)}")

    def _error(self, path: str, problem: str) -> InputError:
        return InputError(f"{self._where}: {self._path}{path} {problem}")


def _is_finite(text: str) -> bool:
    try:
        return Decimal(text).is_finite() and text.isascii() and "_" not in text and text == text.strip()
    except InvalidOperation:
        return False
