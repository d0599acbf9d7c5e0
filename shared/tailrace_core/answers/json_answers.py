"""Predictions in JSON: one document, or a value a line, as lines of CSV."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Any, TypeAlias

from tailrace_core.answers import error_pages
from tailrace_core.answers.json_items import JsonError, read_items
from tailrace_core.answers.shape import AnswerFormat
from tailrace_core.errors import AlignmentError

MAX_JSON_BYTES = 16 * 1024 * 1024
"""The largest JSON document accepted: it has to be read whole. The chunk of a larger one is
split."""

MAX_LINE_BYTES = 1024 * 1024
"""The longest of several JSON lines."""

Refuse: TypeAlias = Callable[..., AlignmentError]
"""Builds the error from a message and, by name, the number of predictions answered."""

_LABELS = ("predicted_label", "score")
_BATCH = 1000
_MOST_COUNTED = 100_000
"""Items beyond the rows that are counted: reading a large document to its end takes long."""
_OPENING_BYTES = 1024
_NOT_JSON = object()


class JsonAnswer:
    """Reads one answer that begins like JSON.

    Args:
        limit: The number of predictions to keep; further ones are counted.
        columns: The names of the output columns.
        line_values: True if one line is one row's value.
        refuse: Builds the errors.
    """

    def __init__(self, limit: int, columns: tuple[str, ...], *, line_values: bool, refuse: Refuse) -> None:
        self._limit = limit
        self._columns = columns
        self._line_values = line_values
        self._refuse = refuse

    def read(self, blocks: Iterator[bytes]) -> tuple[AnswerFormat, Iterator[list[bytes]]]:
        """Return the format, and the predictions in batches.

        It is JSON lines if the first line is a value and others follow, else one document.
        """
        lines = self._physical_lines(blocks)
        head = next(lines, [])
        second = next(lines, None)
        whole = chain((head,), () if second is None else (second,), lines)
        short = len(head[0]) <= MAX_LINE_BYTES
        if len(head) == 1 and second is None:
            if self._line_values and short:
                return AnswerFormat.LINES, self._values(whole)
        elif short and _loads(head[0]) is not _NOT_JSON:
            return AnswerFormat.LINES, self._values(whole)
        return AnswerFormat.DOCUMENT, self._document(self._read_whole(whole))

    def _values(self, lines: Iterable[list[bytes]]) -> Iterator[list[bytes]]:
        for batch in lines:
            cells = []
            for line in batch:
                if len(line) > MAX_LINE_BYTES:
                    raise self._refuse(f"a line of JSON is longer than {MAX_LINE_BYTES} bytes")
                value = _loads(line)
                if value is _NOT_JSON:
                    raise self._refuse(f"the answer begins like JSON but is not JSON: {line[:100]!r}")
                cells += [self._to_csv(item) for item in _items(value)]
            yield cells

    def _physical_lines(self, blocks: Iterable[bytes]) -> Iterator[list[bytes]]:
        """Split blocks at newlines: JSON strings hold no raw newline, so each one ends a line."""
        carry: list[bytes] = []
        carried = 0
        for block in blocks:
            end = block.rfind(b"\n") + 1
            if end:
                lines = [line for line in b"".join((*carry, block[:end])).split(b"\n") if line.strip()]
                carry, carried = [], 0
                if lines:
                    yield lines
            carry.append(block[end:])
            carried += len(block) - end
            if carried > MAX_JSON_BYTES:
                raise self._too_large()
        last = b"".join(carry)
        if last.strip():
            yield [last]

    def _read_whole(self, lines: Iterable[list[bytes]]) -> bytes:
        pieces: list[bytes] = []
        size = 0
        for batch in lines:
            # Joined at once: millions of short lines would take twenty times their bytes.
            pieces.append(b"\n".join(batch))
            size += len(pieces[-1]) + 1
            if size > MAX_JSON_BYTES:
                raise self._too_large()
        return b"\n".join(pieces)

    def _too_large(self) -> AlignmentError:
        return self._refuse(
            f"the answer is one JSON document of more than {MAX_JSON_BYTES} bytes; "
            "ask for text/csv or send smaller chunks"
        )

    def _document(self, body: bytes) -> Iterator[list[bytes]]:
        """Read a document item by item. Items beyond the limit are counted and not kept."""
        if self._limit == 1 and self._is_one_row(body):
            yield [self._to_csv(json.loads(body))]
            return
        try:
            values = read_items(self._text(body))
            kept = 0
            while cells := [self._to_csv(item) for item in islice(values, min(_BATCH, self._limit - kept))]:
                kept += len(cells)
                yield cells
            if further := sum(1 for _ in islice(values, _MOST_COUNTED)):
                raise self._refuse(
                    f"{self._limit} rows were sent, the model answered {kept + further} predictions",
                    answered=kept + further,
                )
        except (JsonError, UnicodeDecodeError) as exc:
            raise self._refuse(f"the answer begins like JSON but is not JSON: {exc}") from exc

    def _text(self, body: bytes) -> str:
        text = body.decode()
        if len(self._columns) > 1 and b"],[" in b"".join(body[:_OPENING_BYTES].split()):
            return _bracketed(text)
        return text

    def _is_one_row(self, body: bytes) -> bool:
        """Tell whether a list is one row's prediction of several columns, not a list of them."""
        if len(self._columns) == 1 or len(body) > MAX_LINE_BYTES:
            return False
        value = _loads(body)
        flat = isinstance(value, list) and not any(isinstance(item, list | dict) for item in value)
        return flat and len(value) == len(self._columns)

    def _to_csv(self, value: Any) -> bytes:
        if isinstance(value, dict):
            value = self._object_fields(value)
        fields = value if isinstance(value, list) else [value]
        if any(field is None for field in fields) or not fields:
            raise self._refuse(f"a prediction is null or empty: {json.dumps(value)[:100]}")
        # Where one column is expected, a list of several values is that column's value.
        if len(self._columns) == 1 and len(fields) > 1:
            fields = [fields]
        return b",".join(map(self._to_field, fields))

    def _to_field(self, value: Any) -> bytes:
        text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        try:
            data = text.encode()
        except UnicodeEncodeError as exc:
            raise self._refuse(f"a prediction is no text: {exc}") from exc
        if b"\0" in data:
            raise self._refuse("a prediction holds a NUL character: it is no text")
        return _quoted(data)

    def _object_fields(self, value: dict[str, Any]) -> Any:
        if all(name in value for name in self._columns):
            # A column found by name may hold a list; it stays one field.
            return [value[name] for name in self._columns]
        if error_pages.names_an_error(value) or error_pages.reports_an_error(value):
            raise self._refuse(f"the model answered an error, not predictions: {json.dumps(value)[:500]}")
        if len(self._columns) == 1:
            # Of one row alone, an object's only value may be anything.
            names = [name for name in _LABELS if name in value] or (_only_value(value) if self._limit > 1 else [])
            if names:
                return [value[names[0]]]
        raise self._refuse(
            f"a prediction is an object of {', '.join(map(repr, list(value)[:20]))}; "
            f"name the output columns to take from it ({', '.join(self._columns)} expected)"
        )


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict) and isinstance(value.get("predictions"), list):
        predictions: list[Any] = value["predictions"]
        return predictions
    return [value]


def _loads(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _NOT_JSON


def _bracketed(text: str) -> str:
    """Return lists joined by commas as one list; any other text unchanged."""
    try:
        _, end = json.JSONDecoder().raw_decode(text[: 2 * MAX_LINE_BYTES])
    except (ValueError, RecursionError):
        return text
    return f"[{text}]" if text[end:].lstrip().startswith(",") else text


def _only_value(value: dict[str, Any]) -> list[str]:
    """Return the name of an object's only value; a text may say anything and is none."""
    return [name for name, item in value.items() if not isinstance(item, str)] if len(value) == 1 else []


def _quoted(data: bytes) -> bytes:
    if not data or any(mark in data for mark in (b",", b'"', b"\n", b"\r")):
        return b'"%b"' % data.replace(b'"', b'""')
    return data
