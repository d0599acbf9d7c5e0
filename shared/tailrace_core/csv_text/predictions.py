"""Predictions in a container's answer: exactly one for each row sent, or the answer is refused.

Containers do not set the response's content type reliably. The format is therefore detected from
the bytes, helped by the requested type (``accept``):

- CSV lines, LF or CRLF, quoted newlines allowed, the last line end optional. An empty line is not a
  prediction.
- One line with commas between the predictions, as older XGBoost containers answer. Accepted only if
  it is the only line, one output column and several rows are expected, and it holds as many fields
  as rows were sent.
- A JSON document: a list, or an object whose ``predictions`` is a list.
- JSON lines: one value a line (or an object with ``predictions``, whose items count).

A prediction in JSON is a scalar (one field), a list (its elements are the fields) or an object. The
output columns are taken from an object by name. If it lacks them and one column is expected, its
``predicted_label`` is taken, else its ``score``, else its only value. A nested list or object
becomes one quoted field of JSON text. A null is no prediction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any, TypeAlias

from tailrace_core.csv_text.framing import complete_records
from tailrace_core.csv_text.records import split_fields, split_records
from tailrace_core.errors import AlignmentError, RecordError

MAX_JSON_BYTES = 16 * 1024 * 1024
"""The largest JSON document accepted: it has to be read whole. The chunk of a larger one is
split."""

_LABELS = ("predicted_label", "score")
_JSON_STARTS = (b"{", b"[")


@dataclass(frozen=True, slots=True)
class ExpectedPredictions:
    """The required predictions: ``rows`` of them, with a field for each of ``columns``."""

    rows: int
    columns: tuple[str, ...] = ("prediction",)
    accept: str = "text/csv"


def align_predictions(
    blocks: Iterable[bytes], expected: ExpectedPredictions, *, skip: int = 0
) -> Iterator[list[bytes]]:
    """Yield the predictions in ``blocks`` in order, as batches of CSV lines without line ends.

    They number ``expected.rows`` in all. CSV and JSON lines are read in bounded memory. Lines may
    be yielded before the answer proves wrong: discard them when an error is raised.

    Args:
        blocks: The answer's body.
        expected: The number and the shape of the predictions.
        skip: The number of leading predictions to drop: 1 for a header that the model scored.

    Raises:
        AlignmentError: not exactly one prediction for each row, or one of the wrong shape;
            ``answered`` is the number of predictions if it could be counted.
    """
    answered = 0
    for lines, text in _lines(blocks, expected):
        _check_fields(lines, text, answered, expected)
        end = skip + expected.rows
        kept = lines[max(0, skip - answered) : max(0, end - answered)]
        answered += len(lines)
        if kept:
            yield kept
    if answered != skip + expected.rows:
        raise AlignmentError(
            f"{expected.rows} rows were sent, the model answered {answered - skip} predictions"
            + (" beside the one for the header" if skip else ""),
            sent=expected.rows,
            answered=answered,
        )


_Batch: TypeAlias = tuple[list[bytes], bytes]
"""Predictions, and a text with all their bytes, to be searched in one pass."""


def _lines(blocks: Iterable[bytes], expected: ExpectedPredictions) -> Iterator[_Batch]:
    first, blocks = _peek(blocks)
    if first.startswith(_JSON_STARTS) and _looks_like_json(first, expected.accept):
        return _json_lines(blocks, expected)
    return _csv_lines(blocks, expected)


def _peek(blocks: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return the first bytes that are not white space, and all blocks from there on."""
    rest = iter(blocks)
    for block in rest:
        text = block.lstrip(b" \t\r\n")
        if text:
            return text, chain((text,), rest)
    return b"", iter(())


def _looks_like_json(first: bytes, accept: str) -> bool:
    # A brace means JSON if JSON was requested, or if a string or the closing brace follows: CSV
    # rarely begins so. A bracket always means a list: `[0.1,0.9]` as CSV would be two fields with a
    # bracket each.
    return "json" in accept or first.startswith(b"[") or first[1:].lstrip(b" \t\r\n").startswith((b'"', b"}"))


# -- CSV


def _csv_lines(blocks: Iterator[bytes], expected: ExpectedPredictions) -> Iterator[_Batch]:
    batches = _batches(blocks, expected)
    head, text = next(batches, ([], b""))
    if not head:
        return
    second = next(batches, None) if len(head) == 1 else None
    if len(head) == 1 and second is None and expected.rows > 1 and len(expected.columns) == 1:
        fields = [field.strip() for field in split_fields(head[0])]
        # One field more is a header's: count it, and let the caller decide.
        if len(fields) in {expected.rows, expected.rows + 1} and all(fields):
            head, text = fields, b"\n".join(fields)
    yield head, text
    if second is not None:
        yield second
    yield from batches


def _batches(blocks: Iterable[bytes], expected: ExpectedPredictions) -> Iterator[_Batch]:
    try:
        for data in complete_records(blocks):
            lines = _split(data)
            if lines:
                yield lines, data
    except RecordError as exc:
        raise AlignmentError(f"the answer is not lines of CSV: {exc.message}", sent=expected.rows) from exc


def _split(data: bytes) -> list[bytes]:
    if b'"' in data:
        return [line for line in (record.rstrip(b"\r\n") for record in split_records(data)) if line.strip()]
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
    lines = data.split(b"\n")
    # A line of blanks counts as empty. Without blanks, the truth value of the bytes is the faster
    # test.
    return [line for line in lines if line.strip()] if b" " in data or b"\t" in data else list(filter(None, lines))


def _check_fields(lines: list[bytes], text: bytes, before: int, expected: ExpectedPredictions) -> None:
    wanted = len(expected.columns)
    # Without quotes, the number of commas decides.
    if b'"' not in text and (
        b"," not in text if wanted == 1 else {*map(bytes.count, lines, repeat(b","))} <= {wanted - 1}
    ):
        return
    for number, line in enumerate(lines):
        found = len(split_fields(line))
        if found != wanted:
            raise AlignmentError(
                f"prediction {before + number} has {found} fields, not {wanted} ({', '.join(expected.columns)})",
                sent=expected.rows,
            )


# -- JSON


def _json_lines(blocks: Iterator[bytes], expected: ExpectedPredictions) -> Iterator[_Batch]:
    """Read JSON lines if the first line is a value and others follow, else one document."""
    lines = _physical_lines(blocks, expected)
    head = next(lines, [])
    second = next(lines, None)
    single = len(head) == 1 and second is None
    first = _loads(head[0])
    if single or first is _NOT_JSON:
        whole = chain((head,), () if second is None else (second,), lines)
        cells = _document(_read_whole(whole, expected), expected)
        yield cells, b"\n".join(cells)
        return
    for batch in chain((head,), () if second is None else (second,), lines):
        values = [_value(line, expected) for line in batch]
        cells = [_to_csv(item, expected) for value in values for item in _items(value)]
        yield cells, b"\n".join(cells)


def _physical_lines(blocks: Iterable[bytes], expected: ExpectedPredictions) -> Iterator[list[bytes]]:
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
            raise _too_large(expected)
    last = b"".join(carry)
    if last.strip():
        yield [last]


def _read_whole(lines: Iterable[list[bytes]], expected: ExpectedPredictions) -> bytes:
    pieces: list[bytes] = []
    size = 0
    for batch in lines:
        pieces += batch
        size += sum(map(len, batch)) + len(batch)
        if size > MAX_JSON_BYTES:
            raise _too_large(expected)
    return b"\n".join(pieces)


def _too_large(expected: ExpectedPredictions) -> AlignmentError:
    return AlignmentError(
        f"the answer is one JSON document of more than {MAX_JSON_BYTES} bytes; ask for text/csv or send smaller chunks",
        sent=expected.rows,
    )


def _document(body: bytes, expected: ExpectedPredictions) -> list[bytes]:
    value = _value(body, expected)
    if isinstance(value, list) and not _is_one_row(value, expected):
        return [_to_csv(item, expected) for item in value]
    return [_to_csv(item, expected) for item in _items(value)]


def _is_one_row(value: list[Any], expected: ExpectedPredictions) -> bool:
    """Tell whether a list is one row's prediction of several columns, not a list of predictions."""
    flat = not any(isinstance(item, list | dict) for item in value)
    return expected.rows == 1 and len(expected.columns) > 1 and len(value) == len(expected.columns) and flat


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict) and isinstance(value.get("predictions"), list):
        predictions: list[Any] = value["predictions"]
        return predictions
    return [value]


_NOT_JSON = object()


def _loads(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _NOT_JSON


def _value(text: bytes, expected: ExpectedPredictions) -> Any:
    value = _loads(text)
    if value is _NOT_JSON:
        raise AlignmentError(f"the answer begins like JSON but is not JSON: {text[:100]!r}", sent=expected.rows)
    return value


def _to_csv(value: Any, expected: ExpectedPredictions) -> bytes:
    if isinstance(value, dict):
        value = _object_fields(value, expected)
    fields = value if isinstance(value, list) else [value]
    if any(field is None for field in fields) or not fields:
        raise AlignmentError(f"a prediction is null or empty: {json.dumps(value)[:100]}", sent=expected.rows)
    # Where one column is expected, a list of several values is that column's value.
    if len(expected.columns) == 1 and len(fields) > 1:
        fields = [fields]
    return b",".join(map(_to_field, fields))


def _object_fields(value: dict[str, Any], expected: ExpectedPredictions) -> Any:
    if all(name in value for name in expected.columns):
        # A column found by name may hold a list; it stays one field.
        return [value[name] for name in expected.columns]
    if len(expected.columns) == 1:
        names = [name for name in _LABELS if name in value] or (list(value) if len(value) == 1 else [])
        if names:
            return [value[names[0]]]
    raise AlignmentError(
        f"a prediction is an object of {', '.join(map(repr, list(value)[:20]))}; "
        f"name the output columns to take from it ({', '.join(expected.columns)} expected)",
        sent=expected.rows,
    )


def _to_field(value: Any) -> bytes:
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    data = text.encode(errors="replace")
    if not data or any(mark in data for mark in (b",", b'"', b"\n", b"\r")):
        return b'"%b"' % data.replace(b'"', b'""')
    return data
