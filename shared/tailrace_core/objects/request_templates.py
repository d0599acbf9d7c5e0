"""Templates of requests in JSON: the request for one row, which the frame repeats for each row.

``ARRAY`` or ``OBJECT`` stands for the row, as a list of its values or by the names of its columns.
``COLUMNS`` stands for the list of these names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn, Self

from tailrace_core.errors import InputError
from tailrace_core.jobs.settings import RequestFormat

DEFAULTS = {RequestFormat.JSON: '{"instances": [OBJECT]}', RequestFormat.JSONL: "OBJECT"}
_SHOWN_CHARS = 200
_EXAMPLE = "such as '{\"instances\": [ARRAY]}'"
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|\b(?:ARRAY|OBJECT|COLUMNS)\b|[\[\]{}]')
_ROWS = ("ARRAY", "OBJECT")
_STAND_INS = {"ARRAY": "[]", "OBJECT": "{}", "COLUMNS": "[]"}


@dataclass(frozen=True, slots=True)
class RequestTemplate:
    """A template in its pieces: text before and after all rows, and before and after each."""

    before: bytes
    row_before: bytes
    row_after: bytes
    after: bytes
    by_name: bool
    """True for ``OBJECT``: a row is an object with the names of its columns."""

    @classmethod
    def parse(cls, text: str, request: RequestFormat, columns: Sequence[str]) -> Self:
        """Read the template of a request for rows with these columns.

        In a JSON document, the innermost list around the row is repeated for all rows, so it holds
        nothing else. Of JSON Lines, the template is a line.

        Raises:
            InputError: it is not JSON but for its placeholders, or the row has no place of its own.
        """
        _check(text)
        text = _with_columns(" ".join(text.split("\n")).replace("\r", " ").strip(), columns)
        row = next(match for match in _tokens(text) if match.group() in _ROWS)
        by_name = row.group() == "OBJECT"
        if request is RequestFormat.JSONL:
            return cls(b"", text[: row.start()].encode(), text[row.end() :].encode(), b"", by_name)
        opens, closes = _list_around(text, row.start())
        return cls(
            text[:opens].encode(),
            text[opens : row.start()].encode(),
            text[row.end() : closes].encode(),
            text[closes:].encode(),
            by_name,
        )


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "…")


def _tokens(text: str) -> Iterator[re.Match[str]]:
    return (match for match in _TOKEN.finditer(text) if not match.group().startswith('"'))


def _check(text: str) -> None:
    found = [match.group() for match in _tokens(text)]
    rows = [each for each in found if each in _ROWS]
    if len(rows) != 1:
        raise InputError(
            f"request_template is {_shown(text)}, and it has {'no' if not rows else 'more than one'} place for a row: "
            f"write ARRAY or OBJECT once, outside of quotes, {_EXAMPLE}"
        )
    _parsed(text, text)


def _parsed(text: str, whole: str) -> None:
    stated = _TOKEN.sub(lambda match: _STAND_INS.get(match.group(), match.group()), text)
    try:
        json.loads(stated, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"request_template is {_shown(whole)}, which is not JSON ({error}) with its placeholders filled in; write "
            f"one {_EXAMPLE}"
        ) from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number there")


def _with_columns(text: str, columns: Sequence[str]) -> str:
    names = json.dumps(list(columns), ensure_ascii=False)
    return _TOKEN.sub(lambda match: names if match.group() == "COLUMNS" else match.group(), text)


def _list_around(text: str, row: int) -> tuple[int, int]:
    """Return where the content of the innermost list around the row begins and ends."""
    opened: list[tuple[str, int]] = []
    found: int | None = None
    for match in _tokens(text):
        if match.start() > row and found is None:
            found = next((start for kind, start in reversed(opened) if kind == "["), -1)
            if found < 0:
                break
        if match.group() in "[{":
            opened.append((match.group(), match.start()))
        elif match.group() in "]}":
            _, start = opened.pop()
            if start == found:
                _check_alone(text[found + 1 : match.start()], text)
                return found + 1, match.start()
    raise InputError(
        f"request_template is {_shown(text)}, and the row stands in no list: write brackets around it, {_EXAMPLE}"
    )


def _check_alone(item: str, text: str) -> None:
    stated = _TOKEN.sub(lambda match: _STAND_INS.get(match.group(), match.group()), f"[{item}]")
    if len(json.loads(stated)) != 1:
        raise InputError(
            f"request_template is {_shown(text)}, and the list around the row holds more than the row: it is repeated "
            "for all rows, so leave the others out"
        )
