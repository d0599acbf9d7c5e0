"""Predictions in a container's answer, one for each row that was sent, proved or refused.

The response's content type says what the container felt like saying, so the format is found by looking, helped by what
was asked for (``accept``):

- CSV lines, LF or CRLF, quoted newlines allowed, the last line end optional. An empty line is not a prediction.
- One line with a comma between the predictions, as older XGBoost answers: only when it is the only line, one output
  column and several rows are expected, and it holds as many fields as rows were sent.
- A JSON document: a list, or an object whose ``predictions`` is a list.
- JSON lines: one value a line (or an object with ``predictions``, whose items count).

A prediction in JSON is a scalar (one field), a list (its elements are the fields) or an object. Of an object the output
columns are taken by name; where it lacks them and one column is expected, its ``predicted_label``, else its ``score``,
else its only value. A nested list or object becomes one quoted field of JSON text. A null is no prediction.
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
"""A JSON document has to be read whole; a larger one is refused, and the chunk then split."""

_LABELS = ("predicted_label", "score")
_JSON_STARTS = (b"{", b"[")


@dataclass(frozen=True, slots=True)
class ExpectedPredictions:
    """What an answer has to hold: ``rows`` predictions of one field for each of ``columns``."""

    rows: int
    columns: tuple[str, ...] = ("prediction",)
    accept: str = "text/csv"


def align_predictions(
    blocks: Iterable[bytes], expected: ExpectedPredictions, *, skip: int = 0
) -> Iterator[list[bytes]]:
    """The predictions in ``blocks`` as CSV without line ends, many at a time, in order; ``expected.rows`` in all.

    The first ``skip`` predictions are left out: a header that the model scored. CSV and JSON lines are read in bounded
    memory. Lines may have been yielded before the answer turns out to be wrong: keep nothing of them then.

    Raises:
        AlignmentError: not exactly one prediction for each row, or one of the wrong shape; ``answered`` is the number
            of predictions when it could be counted.
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
"""Some predictions, and a text that holds all that is in them, to be looked through at once."""


def _lines(blocks: Iterable[bytes], expected: ExpectedPredictions) -> Iterator[_Batch]:
    first, blocks = _peek(blocks)
    if first.startswith(_JSON_STARTS) and _looks_like_json(first, expected.accept):
        return _json_lines(blocks, expected)
    return _csv_lines(blocks, expected)


def _peek(blocks: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes that are not white space, and all blocks from there on."""
    rest = iter(blocks)
    for block in rest:
        text = block.lstrip(b" \t\r\n")
        if text:
            return text, chain((text,), rest)
    return b"", iter(())


def _looks_like_json(first: bytes, accept: str) -> bool:
    # CSV that begins with a brace or a bracket would have to be asked for, and be an odd model's. A list is taken for
    # what it looks like in any case: `[0.1,0.9]` as CSV would be two fields with a bracket each.
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
        # One more is a header's: it is counted as that, and the caller decides.
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
    # A line of blanks is as empty as an empty one; where there are no blanks, the truth of the bytes says it faster.
    return [line for line in lines if line.strip()] if b" " in data or b"\t" in data else list(filter(None, lines))


def _check_fields(lines: list[bytes], text: bytes, before: int, expected: ExpectedPredictions) -> None:
    wanted = len(expected.columns)
    # Without quotes, commas decide.
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
    """Of a document or of lines: whichever the first line is, when it is a value of its own and others follow."""
    lines = _physical_lines(blocks, expected)
    head = next(lines, [])
    second = next(lines, None)
    single = len(head) == 1 and second is None
    first = _loads(head[0])
    if single or first is _NOTHING:
        whole = chain((head,), () if second is None else (second,), lines)
        cells = _document(_read_whole(whole, expected), expected)
        yield cells, b"\n".join(cells)
        return
    for batch in chain((head,), () if second is None else (second,), lines):
        values = [_value(line, expected) for line in batch]
        cells = [_cells(item, expected) for value in values for item in _items(value)]
        yield cells, b"\n".join(cells)


def _physical_lines(blocks: Iterable[bytes], expected: ExpectedPredictions) -> Iterator[list[bytes]]:
    """JSON text holds no newline inside of strings: every newline ends a line."""
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
        return [_cells(item, expected) for item in value]
    return [_cells(item, expected) for item in _items(value)]


def _is_one_row(value: list[Any], expected: ExpectedPredictions) -> bool:
    """Whether a list is the one prediction of one row of several columns, and not a list of predictions."""
    flat = not any(isinstance(item, list | dict) for item in value)
    return expected.rows == 1 and len(expected.columns) > 1 and len(value) == len(expected.columns) and flat


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict) and isinstance(value.get("predictions"), list):
        predictions: list[Any] = value["predictions"]
        return predictions
    return [value]


_NOTHING = object()


def _loads(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _NOTHING


def _value(text: bytes, expected: ExpectedPredictions) -> Any:
    value = _loads(text)
    if value is _NOTHING:
        raise AlignmentError(f"the answer begins as JSON does and is not JSON: {text[:100]!r}", sent=expected.rows)
    return value


def _cells(value: Any, expected: ExpectedPredictions) -> bytes:
    if isinstance(value, dict):
        value = _of_object(value, expected)
    fields = value if isinstance(value, list) else [value]
    if any(field is None for field in fields) or not fields:
        raise AlignmentError(f"a prediction is null or empty: {json.dumps(value)[:100]}", sent=expected.rows)
    # A list where one column is expected is that column's value, unless it holds just one.
    if len(expected.columns) == 1 and len(fields) > 1:
        fields = [fields]
    return b",".join(map(_cell, fields))


def _of_object(value: dict[str, Any], expected: ExpectedPredictions) -> Any:
    if all(name in value for name in expected.columns):
        # One column by name may hold a list; it stays one field.
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


def _cell(value: Any) -> bytes:
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    data = text.encode(errors="replace")
    if not data or any(mark in data for mark in (b",", b'"', b"\n", b"\r")):
        return b'"%b"' % data.replace(b'"', b'""')
    return data
