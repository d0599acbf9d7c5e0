"""Parses right command lines without Typer.

A line that is not plainly right is Typer's: it explains errors, writes help, and knows the rest of
the syntax (options joined into one word, negated flags). A test compares the two.
"""

from __future__ import annotations

import os
import types
from collections.abc import Callable, Sequence
from enum import Enum
from inspect import Parameter, signature
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from tailrace.cli.declarations import Argument, BadParameter, Context, Option

_KNOWN = frozenset({"callback", "envvar", "help", "max", "metavar", "min", "rich_help_panel"})
"""Settings whose meaning is known here; a command with any other is left to Typer."""


class UnknownError(Exception):
    """Typer has to parse this command line."""


class _Declared:
    """A parameter of a command with its declaration."""

    def __init__(self, parameter: Parameter, annotation: Any) -> None:
        kind, *declared = get_args(annotation) if get_origin(annotation) is Annotated else (annotation,)
        if len(declared) != 1 or not isinstance(declared[0], Argument) or not _KNOWN.issuperset(declared[0].settings):
            raise UnknownError
        self.name = parameter.name
        self.default = parameter.default
        self.is_option = isinstance(declared[0], Option)
        self.settings = declared[0].settings
        kinds = [each for each in _alternatives(kind) if each is not types.NoneType]
        if len(kinds) != 1:
            raise UnknownError
        self.many = get_origin(kinds[0]) is list
        self.kind = get_args(kinds[0])[0] if self.many else kinds[0]
        self.names = declared[0].names or (f"--{parameter.name.replace('_', '-')}",)
        if self.is_flag and not declared[0].names:
            raise UnknownError

    @property
    def is_flag(self) -> bool:
        return self.kind is bool

    def parsed(self, text: str) -> Any:
        """Return the value that a text stands for."""
        if self.kind is str:
            return text
        if self.kind is int and text.isascii() and text.isdecimal():
            number = int(text)
            least, most = self.settings.get("min"), self.settings.get("max")
            if (least is None or number >= least) and (most is None or number <= most):
                return number
        if isinstance(self.kind, type) and issubclass(self.kind, Enum):
            for member in self.kind:
                if member.value == text:
                    return member
        raise UnknownError

    def value(self, given: Sequence[Any]) -> Any:
        """Return the value of the parameter, from what was given on the command line."""
        if not given and "envvar" in self.settings:
            if self.many:
                raise UnknownError
            text = os.environ.get(self.settings["envvar"], "")
            given = [self.parsed(text)] if text else []
        if not given and self.default is Parameter.empty:
            raise UnknownError
        value = self.default if not given else list(given) if self.many else given[-1]
        callback = self.settings.get("callback")
        try:
            return value if callback is None else callback(value)
        except BadParameter:
            raise UnknownError from None


def parse(command: Callable[..., Any], words: Sequence[str]) -> dict[str, Any]:
    """Return the arguments to call a command with, without its context.

    Raises:
        UnknownError: Typer has to parse the words.
    """
    if any(not word.isprintable() for word in words):
        # Bytes that are not UTF-8 among others.
        raise UnknownError
    hints = get_type_hints(command, include_extras=True)
    declared = [
        _Declared(parameter, hints[parameter.name])
        for parameter in signature(command).parameters.values()
        if hints[parameter.name] is not Context
    ]
    given = _given(declared, list(words))
    return {each.name: each.value(given.get(each.name, ())) for each in declared}


def _given(declared: Sequence[_Declared], words: list[str]) -> dict[str, list[Any]]:
    options = {name: each for each in declared if each.is_option for name in each.names}
    free: list[str] = []
    given: dict[str, list[Any]] = {}
    words.reverse()
    while words:
        word = words.pop()
        if word == "--":
            free += reversed(words)
            break
        if not word.startswith("-") or word == "-":
            free.append(word)
            continue
        name, joined, text = word.partition("=") if word.startswith("--") else (word, "", "")
        option = options.get(name)
        if option is None or (joined and option.is_flag):
            raise UnknownError
        if not option.is_flag and not joined:
            text = words.pop() if words else "-?"
            if text.startswith("-") and text != "-":
                raise UnknownError
        given.setdefault(option.name, []).append(True if option.is_flag else option.parsed(text))
    return {**given, **_placed([each for each in declared if not each.is_option], free)}


def _placed(arguments: Sequence[_Declared], free: list[str]) -> dict[str, list[Any]]:
    placed: dict[str, list[Any]] = {}
    for each in arguments:
        count = len(free) if each.many else 1
        placed[each.name], free = [each.parsed(text) for text in free[:count]], free[count:]
    if free:
        raise UnknownError
    return placed


def _alternatives(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in {Union, types.UnionType} else (kind,)
