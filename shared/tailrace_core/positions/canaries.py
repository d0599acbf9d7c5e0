"""Canaries: rows of a chunk that are sent again, to show that answers stand at their rows' places.

A model that drops, doubles or moves lines without changing their number gives two lines of some
row different answers. What shifts the lines up to an end of the answer is always shown
(`canary_draws`); whether rows without a copy changed places is a matter of probability, of which
docs/reliability.md has the measured rates.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from tailrace_core.csv_text.records import split_fields
from tailrace_core.errors import AlignmentError
from tailrace_core.positions.canary_layout import Canary, CanaryLayout

TOLERANCE = 1e-6
"""How much two answers may differ, relative to the larger one or absolutely: kernels that work on
batches round differently at different places."""
_SHOWN_BYTES = 200


class Lines(Protocol):
    """Divides the body of an input object into lines (`objects.request_frames.RequestFrame`)."""

    def split(self, body: bytes) -> list[bytes]:
        """Return the lines, each with its line end, of which the last may lack it."""

    def join(self, lines: Sequence[bytes]) -> bytes:
        """Return the body with these lines."""


def add_copies(body: bytes, layout: CanaryLayout, frame: Lines) -> bytes:
    """Insert the copies into the body of a chunk's input.

    The last line has a line end afterwards.
    """
    if not layout.canaries:
        return body
    lines = frame.split(body)
    lines[-1] = lines[-1] if lines[-1].endswith(b"\n") else lines[-1] + b"\n"
    return frame.join(insert_copies(lines, layout))


def insert_copies(records: Sequence[bytes], layout: CanaryLayout) -> list[bytes]:
    """Return the records sent, each with its line end, with the copies at their lines."""
    lines: list[bytes] = []
    taken = 0
    for each in layout.canaries:
        following = taken + each.copy_line - len(lines)
        lines += records[taken:following]
        taken = following
        lines.append(records[each.row])
    lines += records[taken:]
    return lines


def remove_copies(lines: Sequence[bytes], layout: CanaryLayout) -> list[bytes]:
    """Return the lines without those of the copies."""
    return [line for batch in _without_copies([list(lines)], layout) for line in batch]


def check_copies(predictions: Iterable[list[bytes]], layout: CanaryLayout, *, first_row: int) -> Iterator[list[bytes]]:
    """Compare the predictions of each row and its copies; yield those of the rows.

    Memory holds a batch and a prediction for each canary. Batches may be yielded before the answer
    proves wrong: discard them when an error is raised.

    Args:
        predictions: One CSV line for each line sent, in batches.
        layout: The chunk's canaries.
        first_row: The first row of the chunk, for the message.

    Raises:
        AlignmentError: the two predictions of a row differ.
    """
    if not layout.canaries:
        return iter(predictions)
    return _without_copies(_compared(predictions, layout, first_row), layout)


def _without_copies(batches: Iterable[list[bytes]], layout: CanaryLayout) -> Iterator[list[bytes]]:
    copies = [each.copy_line for each in layout.canaries]
    start, following = 0, 0
    for batch in batches:
        end = start + len(batch)
        first = following
        while following < len(copies) and copies[following] < end:
            following += 1
        for copy in reversed(copies[first:following]):
            del batch[copy - start]
        start = end
        if batch:
            yield batch


def _compared(batches: Iterable[list[bytes]], layout: CanaryLayout, first_row: int) -> Iterator[list[bytes]]:
    pairs: dict[int, list[Canary]] = {}
    for each in layout.canaries:
        pairs.setdefault(min(each.original_line, each.copy_line), [])
        pairs.setdefault(max(each.original_line, each.copy_line), []).append(each)
    wanted = sorted(pairs)
    answers: dict[int, bytes] = {}
    start, following = 0, 0
    moved: AlignmentError | None = None
    for batch in batches:
        end = start + len(batch)
        while following < len(wanted) and wanted[following] < end:
            line = wanted[following]
            answers[line] = batch[line - start]
            for canary in pairs[line]:
                moved = moved or _difference(canary, answers, layout, first_row)
            following += 1
        start = end
        yield batch
    # A wrong number of predictions explains more, and shows at the end of the answer.
    if moved is not None:
        raise moved


def _difference(
    canary: Canary, answers: dict[int, bytes], layout: CanaryLayout, first_row: int
) -> AlignmentError | None:
    one, other = answers[canary.original_line], answers[canary.copy_line]
    if same_prediction(one, other):
        return None
    return AlignmentError(
        f"the model does not answer in the order of the rows: number {canary.row} of the rows sent from row "
        f"{first_row} on was sent again, as lines {canary.original_line} and {canary.copy_line} of "
        f"{layout.lines}, and got {_shown(one)} and {_shown(other)}",
        sent=layout.lines,
        disordered=True,
    )


def _shown(line: bytes) -> str:
    return repr(line[:_SHOWN_BYTES].decode(errors="replace"))


def same_prediction(one: bytes, other: bytes) -> bool:
    """Compare two predictions field by field: numbers within `TOLERANCE`, text by its bytes.

    Two NaN are the same. The numbers in a field that holds a list in JSON are compared alike.
    """
    if one == other:
        return True
    fields, others = split_fields(one), split_fields(other)
    return len(fields) == len(others) and all(map(_same_field, fields, others))


def _same_field(one: bytes, other: bytes) -> bool:
    return one == other or _same_value(_value(one), _value(other))


def _same_value(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE) or (math.isnan(one) and math.isnan(other))
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same_value, one, other))
    return bool(one == other)


def _value(field: bytes) -> Any:
    """Return a field's value: a number, a list of JSON, or its bytes without the CSV quotes."""
    if field.startswith(b'"') and field.endswith(b'"'):
        field = field[1:-1].replace(b'""', b'"')
    try:
        return json.loads(field, parse_int=float) if field.startswith(b"[") else float(field)
    except (ValueError, RecursionError):
        return field
