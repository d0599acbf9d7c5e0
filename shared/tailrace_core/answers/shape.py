"""The one shape that all answers of a job have: their format, and a type for each output column."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class AnswerFormat(StrEnum):
    """How an answer's predictions stand in its bytes."""

    CSV = "csv"
    """One line a row, or one line of numbers for all rows."""
    DOCUMENT = "json"
    """One JSON list, bare or under ``predictions``."""
    LINES = "jsonlines"
    """One JSON value a line."""


class ColumnType(StrEnum):
    """The type of an output column."""

    NUMBER = "number"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class AnswerShape:
    """The shape of a job's answers; ``types`` has one entry for each output column."""

    format: AnswerFormat | None
    """None if it was established by an answer to a single row, which several formats allow."""
    types: tuple[ColumnType, ...]

    def describe(self) -> str:
        """Return the shape in words."""
        kinds = {AnswerFormat.CSV: "CSV", AnswerFormat.DOCUMENT: "a JSON list", AnswerFormat.LINES: "JSON lines"}
        form = f"{kinds[self.format]} of " if self.format else ""
        return f"{form}{', '.join(self.types)}"


def are_numbers(fields: Iterable[bytes]) -> bool:
    """Tell whether every field is a number: decimal, with an exponent, infinite or NaN."""
    try:
        deque(map(float, fields), maxlen=0)
    except ValueError:
        return False
    return True


def are_decimals(text: bytes, lines: int, columns: int) -> bool:
    """Tell whether ``text`` is ``lines`` of ``columns`` plain decimals each, such as ``-0.25``.

    It takes a tenth of the time that reading each number takes, and leaves the rare rest to that:
    exponents, whole numbers among several columns, decimals that begin with a point. No line may be
    empty.
    """
    if b"-" in text:
        # Signs stand at the beginning of a field only.
        signs = text.count(b"\n-") + text.count(b",-") + text.startswith(b"-")
        if signs != text.count(b"-") or b"-." in text:
            return False
    shapes = text.translate(None, b"0123456789-")
    if columns == 1 and not shapes.strip(b"\n"):
        return b"-\n" not in text and not text.endswith(b"-")
    shape = b",".join([b"."] * columns) + b"\n"
    if shapes not in {shape * lines, (shape * lines)[:-1]}:
        return False
    # Each field has one point, and a digit before it.
    return not (text.startswith(b".") or b"\n." in text or (columns > 1 and b",." in text))


def first_text(fields: Sequence[bytes]) -> int | None:
    """Return the index of the first field that is no number."""
    return next((index for index, field in enumerate(fields) if not is_number(field)), None)


def is_number(field: bytes) -> bool:
    """Tell whether a field is a number. Underscores, which Python allows, are text elsewhere."""
    return b"_" not in field and are_numbers((field,))
