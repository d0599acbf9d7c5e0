"""The items of one JSON document, read one after the other: one is in memory at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from typing import Any

MAX_ITEM_CHARS = 1024 * 1024
"""The longest item, so that what is built of one stays below 100 MB."""

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


class JsonError(ValueError):
    """The text is no JSON document, or one of its items is too long."""


def read_items(text: str) -> Iterator[Any]:
    """Yield the items of a list, or of the list ``predictions`` of an object, or the one value.

    Raises:
        JsonError: the text is no JSON document, or an item is longer than `MAX_ITEM_CHARS`.
    """
    return _Reader(text).read()


class _Reader:
    """A position in a text, of which the decoder sees two items' length at once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._start = 0
        self._window = text[: 2 * MAX_ITEM_CHARS]

    def read(self) -> Iterator[Any]:
        self._skip()
        if self._next("["):
            yield from self._list()
        elif self._next("{"):
            yield from self._object()
        else:
            yield self._value()
        self._skip()
        if self._at != len(self._text):
            raise JsonError(f"something follows the document: {self._rest()}")

    def _list(self) -> Iterator[Any]:
        self._take("[")
        if self._next("]"):
            self._take("]")
            return
        while True:
            yield self._value()
            self._skip()
            if self._next("]"):
                self._take("]")
                return
            self._take(",")

    def _object(self) -> Generator[Any, None, None]:
        """Yield the items of ``predictions``; without that list, the object as the one value."""
        found: dict[str, Any] = {}
        lists = 0
        self._take("{")
        while not self._next("}"):
            name = self._value()
            if not isinstance(name, str):
                raise JsonError(f"an object's member has no name before {self._rest()}")
            self._take(":")
            if name == "predictions" and self._next("["):
                lists += 1
                yield from self._list()
            elif not lists:
                found[name] = self._value()
                if len(found) > _MAX_MEMBERS:
                    raise JsonError(f"an object has more than {_MAX_MEMBERS} members")
            else:
                self._value()
            self._skip()
            if not self._next("}"):
                self._take(",")
        self._take("}")
        if lists > 1:
            raise JsonError("there are several lists of predictions")
        if not lists:
            yield found

    def _value(self) -> Any:
        if self._at - self._start > MAX_ITEM_CHARS:
            self._start = self._at
            self._window = self._text[self._at : self._at + 2 * MAX_ITEM_CHARS]
        begin = self._at - self._start
        try:
            value, end = _DECODER.raw_decode(self._window, begin)
        except (ValueError, RecursionError) as error:
            raise JsonError(f"no JSON, or an item of more than {MAX_ITEM_CHARS} characters: {self._rest()}") from error
        if end - begin > MAX_ITEM_CHARS:
            raise JsonError(f"an item has more than {MAX_ITEM_CHARS} characters: {self._rest()}")
        self._at += end - begin
        return value

    def _next(self, mark: str) -> bool:
        return self._text.startswith(mark, self._at)

    def _take(self, mark: str) -> None:
        self._skip()
        if not self._next(mark):
            raise JsonError(f"{mark!r} is missing before {self._rest()}")
        self._at += 1
        self._skip()

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self._at)
        self._at = self._at if found is None else found.end()

    def _rest(self) -> str:
        return repr(self._text[self._at : self._at + 100])


_MAX_MEMBERS = 10_000
"""Members of an object that is one prediction."""
