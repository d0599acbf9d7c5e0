"""Evidence that an answer holds predictions: what establishes a job's shape, and what does not.

An error page answered with status 200 may hold as many lines as rows were sent. It then holds the
same number for other chunks too: an answer to another number of rows with the same number of
predictions is a *misfit*, and what it has in common with a later answer proves nothing.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from tailrace_core.answers import error_pages
from tailrace_core.answers.reader import AnswerReader, ExpectedPredictions
from tailrace_core.answers.shape import AnswerFormat, AnswerShape, ColumnType
from tailrace_core.errors import AlignmentError

LEAST_LINES_OF_TEXT = 5
"""As many lines of plain text as rows: from this number on, they need no declaration."""
MOST_VALUES_OF_A_ROW = 100
"""A list of more items is never taken for the values of one row, such as class probabilities."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """An answer with another number of predictions than rows sent."""

    sent: int
    answered: int
    fingerprint: str
    """`error_pages.fingerprint` of its beginning."""

    @classmethod
    def of(cls, error: AlignmentError) -> Misfit | None:
        """Return the misfit that an error reports; None for another error."""
        if error.answered is None or error.answered == error.sent:
            return None
        return cls(error.sent, error.answered, error_pages.fingerprint(error.opening))


class UnprovenAnswerError(AlignmentError):
    """An answer that cannot be told from an error's text, while the job has no shape yet."""


def may_be_one_value(error: AlignmentError) -> bool:
    """Tell whether a refused answer may be one row's value, in a job whose lines are lists."""
    several = error.answered is not None and error.answered > 1
    return error.sent == 1 and several and error.opening.startswith(b"[")


def check_evidence(
    reader: AnswerReader, expected: ExpectedPredictions, misfit: Misfit | None, *, remainder: bool = False
) -> None:
    """Check an aligned answer that was read to its end.

    Args:
        reader: Its reader.
        expected: What it was read with.
        misfit: A misfit of the job with as many predictions as this answer, if there is one.
        remainder: True for the last chunk of several, while no row is scored. It may have as many
            rows as one row has values.

    Raises:
        AlignmentError: the answer cannot be told from an error's text.
        UnprovenAnswerError: the same; another answer may still establish the shape.
    """
    text = ColumnType.TEXT in reader.shape.types
    several = expected.rows > 1
    # A list has as many items as the model likes, whatever was sent. Lines come from rows, which an
    # answer to several rows shows first.
    listed = reader.listed and several
    same = misfit is not None and misfit.fingerprint == error_pages.fingerprint(reader.opening)
    doubtful = listed or (expected.shape is None and (several or text)) or (text and same)
    if misfit is not None and misfit.sent != expected.rows and doubtful:
        raise AlignmentError(
            f"{expected.rows} predictions for {expected.rows} rows prove nothing: the model answered "
            f"{misfit.answered} for {misfit.sent} rows too: {error_pages.shown(reader.opening)}",
            sent=expected.rows,
            opening=reader.opening,
        )
    if remainder and listed and expected.shape is None and expected.rows <= MOST_VALUES_OF_A_ROW:
        raise UnprovenAnswerError(
            f"the list for the last {expected.rows} rows may hold the values of one row: "
            f"{error_pages.shown(reader.opening)}",
            sent=expected.rows,
            opening=reader.opening,
        )
    if not text or expected.shape is not None or expected.declared is not None:
        return
    plain = reader.shape.format not in {AnswerFormat.DOCUMENT, AnswerFormat.LINES}
    least = LEAST_LINES_OF_TEXT if plain else 2
    if expected.rows < least or error_pages.reads_like_error(reader.opening):
        raise UnprovenAnswerError(
            f"the answer may be an error's text, not predictions: {error_pages.shown(reader.opening)}: if the model "
            "answers text, declare it with --output-type text",
            sent=expected.rows,
            opening=reader.opening,
        )


def encode_shape(shape: AnswerShape) -> str:
    """Encode a shape as text."""
    return json.dumps({"format": shape.format, "types": shape.types})


def decode_shape(text: str) -> AnswerShape:
    """Decode a shape."""
    found = json.loads(text)
    form = found["format"]
    return AnswerShape(form and AnswerFormat(form), tuple(ColumnType(each) for each in found["types"]))


def encode_misfit(misfit: Misfit) -> str:
    """Encode a misfit as text."""
    return json.dumps(asdict(misfit))


def decode_misfit(text: str) -> Misfit:
    """Decode a misfit."""
    return Misfit(**json.loads(text))
