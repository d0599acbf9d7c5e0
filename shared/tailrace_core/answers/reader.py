"""Predictions in a container's answer: exactly one for each row sent, or the answer is refused.

Containers do not set the response's content type reliably. The format is therefore detected from
the bytes, helped by the requested type (``accept``):

- CSV lines, LF or CRLF, quoted newlines allowed, the last line end optional. An empty line is not a
  prediction.
- One line of numbers with commas between the predictions, as older XGBoost containers answer.
  Accepted only if it is the only line, one output column and several rows are expected, and it
  holds as many numbers as rows were sent. With several output columns, the line may hold a list a
  row: ``[0.1,0.9],[0.2,0.8]``.
- A JSON document: a list, or an object whose ``predictions`` is a list.
- JSON lines: one value a line (or an object with ``predictions``, whose items count).

A prediction in JSON is a scalar (one field), a list (its elements are the fields) or an object. The
output columns are taken from an object by name. If it lacks them and one column is expected, its
``predicted_label`` is taken, else its ``score``, else its only value unless that is text. A nested
list or object becomes one quoted field of JSON text. A null is no prediction.

An answer must be UTF-8 without NUL and no page of markup; a byte order mark at its beginning is
dropped. It is held to the job's shape (`tailrace_core.answers.shape`), as far as that is
known.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from typing import TypeAlias

from tailrace_core.answers import error_pages
from tailrace_core.answers.json_answers import JsonAnswer
from tailrace_core.answers.shape import AnswerFormat, AnswerShape, ColumnType, are_decimals, are_numbers, is_number
from tailrace_core.csv_text.framing import complete_records
from tailrace_core.csv_text.records import split_fields, split_records
from tailrace_core.errors import AlignmentError, RecordError

_BOM = b"\xef\xbb\xbf"
_JSON_STARTS = (b"{", b"[")
_JSON_TEXTS = (b'"', b"null", b"true", b"false")


@dataclass(frozen=True, slots=True)
class ExpectedPredictions:
    """The required predictions: ``rows`` of them, with a field for each of ``columns``."""

    rows: int
    columns: tuple[str, ...] = ("prediction",)
    accept: str = "text/csv"
    header: bool = False
    """True if a header was sent at the head of the rows, which the model may have scored."""
    shape: AnswerShape | None = None
    """The shape of the job's answers, once it is known."""
    declared: ColumnType | None = None
    """The type of the output columns, if the user declared it."""
    echoed: int | None = None
    """Index of the output column that gives back what was sent, which may be of any type."""


def align_predictions(blocks: Iterable[bytes], expected: ExpectedPredictions) -> Iterator[list[bytes]]:
    """Yield the predictions in ``blocks``: `AnswerReader.read` for callers that need no more."""
    return AnswerReader(expected).read(blocks)


_Batch: TypeAlias = tuple[list[bytes], bytes]
"""Predictions, and a text with all their bytes, to be searched in one pass."""


class AnswerReader:
    """Reads one answer, and notes its shape.

    Attributes:
        opening: The answer's first bytes, as far as they were read.
        header_scored: True if a prediction for the header was left out.
        listed: True if all predictions stand in one list, or on one line.
    """

    def __init__(self, expected: ExpectedPredictions) -> None:
        self.opening = b""
        self.header_scored = False
        self.listed = False
        self._expected = expected
        self._format: AnswerFormat | None = None
        self._types = [self._known(index) for index in range(len(expected.columns))]

    @property
    def shape(self) -> AnswerShape:
        """The shape of an answer that was read to its end."""
        types = tuple(each or ColumnType.NUMBER for each in self._types)
        return AnswerShape(self._format if self._expected.rows > 1 else None, types)

    def read(self, blocks: Iterable[bytes]) -> Iterator[list[bytes]]:
        """Yield the predictions in order, as batches of CSV lines without line ends.

        They number ``expected.rows`` in all. CSV and JSON lines are read in bounded memory. Lines
        may be yielded before the answer proves wrong: discard them when an error is raised.

        Raises:
            AlignmentError: not exactly one prediction for each row, or one of the wrong shape, or
                an error's text; ``answered`` is the number of predictions if it could be counted.
        """
        expected = self._expected
        answered = 0
        end = expected.rows
        batches = self._lines(blocks)
        for lines, text in _two_lines_first(batches) if expected.header else batches:
            if not answered and expected.header and self._is_headers(lines):
                self.header_scored = True
                end += 1
            skipped = int(self.header_scored and not answered)
            kept = lines[skipped : max(0, end - answered)]
            if kept:
                self._check(kept, text if not skipped else b"\n".join(kept), answered)
            answered += len(lines)
            if kept:
                yield kept
        if answered != end:
            raise self._error(
                f"{expected.rows} rows were sent, the model answered {answered - self.header_scored} predictions"
                + (" beside the one for the header" if self.header_scored else "")
                + self._said(answered),
                answered=answered,
            )

    def _said(self, answered: int) -> str:
        """Quote an answer that is too short to hold predictions: it may say what went wrong."""
        short = answered <= 1 < self._expected.rows and not is_number(self.opening.strip())
        return f": {error_pages.shown(self.opening)}" if short and self.opening else ""

    def _known(self, index: int) -> ColumnType | None:
        if index == self._expected.echoed:
            return ColumnType.TEXT
        if self._expected.declared is not None:
            return self._expected.declared
        return None if self._expected.shape is None else self._expected.shape.types[index]

    def _error(self, message: str, *, answered: int | None = None) -> AlignmentError:
        return AlignmentError(message, sent=self._expected.rows, answered=answered, opening=self.opening)

    # -- formats

    def _lines(self, blocks: Iterable[bytes]) -> Iterator[_Batch]:
        first, blocks = _peek(blocks)
        self.opening = first[:_OPENING_BYTES]
        if error_pages.is_markup(first) and not self._may_be_a_label(first):
            raise self._error(f"the model answered a page of markup, not predictions: {error_pages.shown(first)}")
        if first.startswith(_JSON_STARTS) and _looks_like_json(first, self._expected.accept):
            return self._json_lines(blocks)
        if not self._answers_csv() and _is_json_text(first, self._expected.accept):
            return self._json_lines(blocks)
        self._hold(AnswerFormat.CSV)
        return self._csv_lines(blocks)

    def _answers_csv(self) -> bool:
        return self._expected.shape is not None and self._expected.shape.format is AnswerFormat.CSV

    def _may_be_a_label(self, first: bytes) -> bool:
        """Tell whether a text in angle brackets may be a declared text, such as `<unknown>`."""
        return self._expected.declared is ColumnType.TEXT and not error_pages.reads_like_page(first)

    def _json_lines(self, blocks: Iterator[bytes]) -> Iterator[_Batch]:
        expected = self._expected
        held = expected.shape is not None and expected.shape.format is AnswerFormat.LINES
        answer = JsonAnswer(
            expected.rows + expected.header,
            expected.columns,
            line_values=held or "lines" in expected.accept,
            refuse=self._error,
        )
        form, batches = answer.read(map(self._check_text, blocks))
        self.listed = form is AnswerFormat.DOCUMENT
        # One row's value is a document of one line, too.
        if expected.rows > 1:
            self._hold(form)
        return ((cells, b"\n".join(cells)) for cells in batches)

    def _hold(self, form: AnswerFormat) -> None:
        """Refuse another format than the job's."""
        self._format = form
        shape = self._expected.shape
        if shape is not None and shape.format not in {None, form}:
            raise self._error(
                f"the job's answers are {shape.describe()}, and this one is not: {error_pages.shown(self.opening)}"
            )

    # -- CSV

    def _csv_lines(self, blocks: Iterator[bytes]) -> Iterator[_Batch]:
        batches = self._batches(blocks)
        head, text = next(batches, ([], b""))
        if not head:
            return
        expected = self._expected
        second = next(batches, None) if len(head) == 1 else None
        if len(head) == 1 and second is None and expected.rows > 1 and len(expected.columns) == 1:
            # One field more is a header's: count it, and let the count decide.
            fits = head[0].count(b",") + 1 in {expected.rows, expected.rows + expected.header}
            fields = [field.strip() for field in head[0].split(b",")] if fits else []
            if fits and all(map(is_number, fields)):
                head, text = fields, b"\n".join(fields)
                self.listed = True
        yield head, text
        if second is not None:
            yield second
        yield from batches

    def _batches(self, blocks: Iterable[bytes]) -> Iterator[_Batch]:
        try:
            for data in complete_records(blocks):
                self._check_text(data)
                self._check_encoding(data)
                lines = _split(data)
                if lines:
                    yield lines, data
        except RecordError as exc:
            raise self._error(f"the answer is not lines of CSV: {exc.message}") from exc

    def _check_text(self, data: bytes) -> bytes:
        if b"\0" in data:
            raise self._error("the answer holds NUL bytes: it is no text")
        return data

    def _check_encoding(self, data: bytes) -> None:
        try:
            data.isascii() or data.decode()
        except UnicodeDecodeError as exc:
            raise self._error(f"the answer is not UTF-8: {exc}") from exc

    # -- fields

    def _check(self, lines: list[bytes], text: bytes, before: int) -> None:
        """Check the number of fields of each line, and their types."""
        wanted = len(self._expected.columns)
        # Without quotes, the number of commas decides.
        plain = b'"' not in text
        if not (
            plain and (b"," not in text if wanted == 1 else {*map(bytes.count, lines, repeat(b","))} <= {wanted - 1})
        ):
            for number, line in enumerate(lines):
                found = len(split_fields(line))
                if found != wanted:
                    raise self._error(
                        f"prediction {before + number} has {found} fields, not {wanted} "
                        f"({', '.join(self._expected.columns)})"
                    )
        if any(each is not ColumnType.TEXT for each in self._types):
            self._check_types(lines, text, before, plain=plain)

    def _check_types(self, lines: list[bytes], text: bytes, before: int, *, plain: bool) -> None:
        if plain and self._are_numbers(lines, text):
            self._types = [each or ColumnType.NUMBER for each in self._types]
            return
        for number, line in enumerate(lines):
            for index, field in enumerate(line.split(b",") if plain else split_fields(line)):
                if self._types[index] is ColumnType.TEXT or is_number(field):
                    continue
                if self._must_be_number(index):
                    raise self._error(self._not_a_number(before + number, index, field))
                self._types[index] = ColumnType.TEXT
        self._types = [each or ColumnType.NUMBER for each in self._types]

    def _are_numbers(self, lines: list[bytes], text: bytes) -> bool:
        """Tell whether all fields of lines without quotes are numbers."""
        columns = len(self._types)
        return are_decimals(text, len(lines), columns) or (
            b"_" not in text and are_numbers(lines if columns == 1 else b",".join(lines).split(b","))
        )

    def _must_be_number(self, index: int) -> bool:
        return self._known(index) is ColumnType.NUMBER

    def _not_a_number(self, row: int, index: int, field: bytes) -> str:
        name = self._expected.columns[index]
        why = "was declared" if self._expected.declared else "is one in the job's other answers"
        return (
            f"prediction {row} has {error_pages.shown(field)} in {name}, which {why} as a number"
            if self._expected.declared
            else f"prediction {row} has {error_pages.shown(field)} in {name}, which {why}: a number"
        )

    # -- the header

    def _is_headers(self, lines: list[bytes]) -> bool:
        """Tell whether the first line is known to be the model's answer to the header.

        It is, if it names the output columns, or holds no number where the others hold one.
        """
        first, *others = lines
        fields = split_fields(first)
        columns = [name.encode() for name in self._expected.columns]
        if [field.strip(b' "').lower() for field in fields] == [name.lower() for name in columns]:
            return True
        if len(fields) != len(columns):
            return False
        following = split_fields(others[0]) if others else []
        return any(
            not _is_finite(field)
            and (
                self._known(index) is ColumnType.NUMBER
                or (self._known(index) is None and index < len(following) and _is_finite(following[index]))
            )
            for index, field in enumerate(fields)
        )


_OPENING_BYTES = 1024


def _two_lines_first(batches: Iterator[_Batch]) -> Iterator[_Batch]:
    """Yield a first batch of at least two lines, if there are two."""
    for lines, text in batches:
        further = next(batches, None) if len(lines) == 1 else None
        if further is None:
            yield lines, text
        else:
            yield lines + further[0], text + b"\n" + further[1]
        yield from batches


def _is_finite(field: bytes) -> bool:
    return is_number(field) and abs(float(field)) < float("inf")


def _peek(blocks: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return the answer's beginning, without white space or a byte order mark, and all of it."""
    rest = iter(blocks)
    begun = b""
    for block in rest:
        begun = (begun + block).removeprefix(_BOM).lstrip(b" \t\r\n")
        if len(begun) >= _OPENING_BYTES:
            break
    return begun, chain((begun,), rest) if begun else iter(())


def _looks_like_json(first: bytes, accept: str) -> bool:
    # A brace means JSON if JSON was requested, or if a string or the closing brace follows: CSV
    # rarely begins so. A bracket always means a list: `[0.1,0.9]` as CSV would be two fields with a
    # bracket each.
    return "json" in accept or first.startswith(b"[") or first[1:].lstrip(b" \t\r\n").startswith((b'"', b"}"))


def _is_json_text(first: bytes, accept: str) -> bool:
    """Tell whether the first line is a text in JSON, whose escapes CSV does not know, or a null."""
    if "json" not in accept or not first.startswith(_JSON_TEXTS):
        return False
    try:
        json.loads(first.split(b"\n", 1)[0])
    except ValueError:
        return False
    return True


def _split(data: bytes) -> list[bytes]:
    if b'"' in data:
        return [line for line in (record.rstrip(b"\r\n") for record in split_records(data)) if line.strip()]
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
    lines = data.split(b"\n")
    # A line of blanks counts as empty. Without blanks, the truth value of the bytes is the faster
    # test.
    return [line for line in lines if line.strip()] if b" " in data or b"\t" in data else list(filter(None, lines))
