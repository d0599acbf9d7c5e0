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
dropped. It is held to the job's shape (`tailrace_core.csv_text.answer_shape`), as far as that is
known.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice, repeat
from typing import Any, TypeAlias

from tailrace_core.csv_text import error_pages
from tailrace_core.csv_text.answer_shape import AnswerFormat, AnswerShape, ColumnType, are_numbers, is_number
from tailrace_core.csv_text.framing import complete_records
from tailrace_core.csv_text.json_items import JsonError, read_items
from tailrace_core.csv_text.records import split_fields, split_records
from tailrace_core.errors import AlignmentError, RecordError

MAX_JSON_BYTES = 16 * 1024 * 1024
"""The largest JSON document accepted: it has to be read whole. The chunk of a larger one is
split."""

MAX_JSON_LINE_BYTES = 1024 * 1024
"""The longest of several JSON lines."""

_BOM = b"\xef\xbb\xbf"
_LABELS = ("predicted_label", "score")
_JSON_STARTS = (b"{", b"[")
_BATCH = 1000


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
    """

    def __init__(self, expected: ExpectedPredictions) -> None:
        self.opening = b""
        self.header_scored = False
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
        return f": {error_pages.shown(self.opening)}" if answered <= 1 < self._expected.rows and self.opening else ""

    def _known(self, index: int) -> ColumnType | None:
        if self._expected.declared is not None:
            return self._expected.declared
        return None if self._expected.shape is None else self._expected.shape.types[index]

    def _error(self, message: str, *, answered: int | None = None) -> AlignmentError:
        return AlignmentError(message, sent=self._expected.rows, answered=answered, opening=self.opening)

    # -- formats

    def _lines(self, blocks: Iterable[bytes]) -> Iterator[_Batch]:
        first, blocks = _peek(blocks)
        self.opening = first[:_OPENING_BYTES]
        if error_pages.is_markup(first):
            raise self._error(f"the model answered a page of markup, not predictions: {error_pages.shown(first)}")
        if first.startswith(_JSON_STARTS) and _looks_like_json(first, self._expected.accept):
            self._hold(AnswerFormat.DOCUMENT, AnswerFormat.LINES)
            return self._json_lines(blocks)
        self._hold(AnswerFormat.CSV)
        return self._csv_lines(blocks)

    def _hold(self, *formats: AnswerFormat) -> None:
        """Refuse another format than the job's."""
        self._format = formats[0]
        shape = self._expected.shape
        if shape is not None and shape.format is not None and shape.format not in formats:
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
            fields = [field.strip() for field in split_fields(head[0])]
            # One field more is a header's: count it, and let the count decide.
            if len(fields) in {expected.rows, expected.rows + expected.header} and all(map(is_number, fields)):
                head, text = fields, b"\n".join(fields)
        yield head, text
        if second is not None:
            yield second
        yield from batches

    def _batches(self, blocks: Iterable[bytes]) -> Iterator[_Batch]:
        try:
            for data in complete_records(blocks):
                self._check_text(data)
                lines = _split(data)
                if lines:
                    yield lines, data
        except RecordError as exc:
            raise self._error(f"the answer is not lines of CSV: {exc.message}") from exc

    def _check_text(self, data: bytes) -> None:
        if b"\0" in data:
            raise self._error("the answer holds NUL bytes: it is no text")
        if not data.isascii():
            self._decode(data)

    def _decode(self, data: bytes) -> str:
        try:
            return data.decode()
        except UnicodeDecodeError as exc:
            raise self._error(f"the answer is not UTF-8: {exc}") from exc

    # -- JSON

    def _json_lines(self, blocks: Iterator[bytes]) -> Iterator[_Batch]:
        """Read JSON lines if the first line is a value and others follow, else one document."""
        lines = self._physical_lines(blocks)
        head = next(lines, [])
        second = next(lines, None)
        single = len(head) == 1 and second is None
        whole = chain((head,), () if second is None else (second,), lines)
        if single or len(head[0]) > MAX_JSON_LINE_BYTES or _loads(head[0]) is _NOT_JSON:
            if self._is_a_list_a_line(head, single=single):
                yield from self._value_lines(whole)
            else:
                yield from self._document(self._read_whole(whole))
            return
        self._format = AnswerFormat.LINES
        self._hold(AnswerFormat.LINES)
        yield from self._value_lines(whole)

    def _is_a_list_a_line(self, head: list[bytes], *, single: bool) -> bool:
        """Tell whether one line is one row's value, as the job's other answers have a value a line."""
        shape = self._expected.shape
        lines = shape is not None and shape.format is AnswerFormat.LINES
        return single and (lines or "lines" in self._expected.accept) and len(head[0]) <= MAX_JSON_LINE_BYTES

    def _value_lines(self, lines: Iterable[list[bytes]]) -> Iterator[_Batch]:
        for batch in lines:
            cells = []
            for line in batch:
                self._check_text(line)
                if len(line) > MAX_JSON_LINE_BYTES:
                    raise self._error(f"a line of JSON is longer than {MAX_JSON_LINE_BYTES} bytes")
                value = _loads(line)
                if value is _NOT_JSON:
                    raise self._error(f"the answer begins like JSON but is not JSON: {line[:100]!r}")
                cells += [self._to_csv(item) for item in _items(value)]
            yield cells, b"\n".join(cells)

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
        return self._error(
            f"the answer is one JSON document of more than {MAX_JSON_BYTES} bytes; "
            "ask for text/csv or send smaller chunks"
        )

    def _document(self, body: bytes) -> Iterator[_Batch]:
        """Read a document item by item. Items beyond the rows are counted and not kept."""
        self._check_text(body)
        expected = self._expected
        if expected.rows == 1 and len(expected.columns) > 1 and self._is_one_row(body):
            cells = [self._to_csv(json.loads(body))]
            yield cells, cells[0]
            return
        text = self._decode(body)
        if len(expected.columns) > 1 and body.startswith(b"[") and b"],[" in b"".join(body[:_OPENING_BYTES].split()):
            # Lists joined by commas are one list without its brackets.
            text = _bracketed(text)
        values = read_items(text)
        limit = expected.rows + expected.header
        try:
            kept = 0
            while cells := [self._to_csv(item) for item in islice(values, min(_BATCH, limit - kept))]:
                kept += len(cells)
                yield cells, b"\n".join(cells)
            if further := sum(1 for _ in values):
                raise self._error(
                    f"{expected.rows} rows were sent, the model answered {kept + further} predictions",
                    answered=kept + further,
                )
        except JsonError as exc:
            raise self._error(f"the answer begins like JSON but is not JSON: {exc}") from exc

    def _is_one_row(self, body: bytes) -> bool:
        """Tell whether a list is one row's prediction of several columns, not a list of them."""
        if len(body) > MAX_JSON_LINE_BYTES:
            return False
        value = _loads(body)
        flat = isinstance(value, list) and not any(isinstance(item, list | dict) for item in value)
        return flat and len(value) == len(self._expected.columns)

    def _to_csv(self, value: Any) -> bytes:
        columns = self._expected.columns
        if isinstance(value, dict):
            value = self._object_fields(value)
        fields = value if isinstance(value, list) else [value]
        if any(field is None for field in fields) or not fields:
            raise self._error(f"a prediction is null or empty: {json.dumps(value)[:100]}")
        # Where one column is expected, a list of several values is that column's value.
        if len(columns) == 1 and len(fields) > 1:
            fields = [fields]
        return b",".join(map(_to_field, fields))

    def _object_fields(self, value: dict[str, Any]) -> Any:
        columns = self._expected.columns
        if all(name in value for name in columns):
            # A column found by name may hold a list; it stays one field.
            return [value[name] for name in columns]
        if error_pages.names_an_error(value):
            raise self._error(f"the model answered an error, not predictions: {json.dumps(value)[:500]}")
        if len(columns) == 1:
            names = [name for name in _LABELS if name in value] or _only(value)
            if names:
                return [value[names[0]]]
        raise self._error(
            f"a prediction is an object of {', '.join(map(repr, list(value)[:20]))}; "
            f"name the output columns to take from it ({', '.join(columns)} expected)"
        )

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
        if plain and b"_" not in text and are_numbers(lines if len(self._types) == 1 else b",".join(lines).split(b",")):
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


def _split(data: bytes) -> list[bytes]:
    if b'"' in data:
        return [line for line in (record.rstrip(b"\r\n") for record in split_records(data)) if line.strip()]
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
    lines = data.split(b"\n")
    # A line of blanks counts as empty. Without blanks, the truth value of the bytes is the faster
    # test.
    return [line for line in lines if line.strip()] if b" " in data or b"\t" in data else list(filter(None, lines))


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


def _bracketed(text: str) -> str:
    """Return lists joined by commas as one list; any other text unchanged."""
    try:
        _, end = json.JSONDecoder().raw_decode(text[: 2 * MAX_JSON_LINE_BYTES])
    except (ValueError, RecursionError):
        return text
    return f"[{text}]" if text[end:].lstrip().startswith(",") else text


def _only(value: dict[str, Any]) -> list[str]:
    """Return the name of an object's only value; a text may say anything and is none."""
    return [name for name, item in value.items() if not isinstance(item, str)] if len(value) == 1 else []


def _to_field(value: Any) -> bytes:
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    data = text.encode(errors="replace")
    if not data or any(mark in data for mark in (b",", b'"', b"\n", b"\r")):
        return b'"%b"' % data.replace(b'"', b'""')
    return data
