"""Whole records as polars tables of raw fields, and back, byte for byte.

Polars neither parses quotes here nor writes any: the records are split by `tailrace_core.records`,
and the delimiters that it found are replaced by control characters that do not occur in the text.
So a field is read and written with its own quotes, its commas and its line breaks. Text without
quotes and carriage returns is read as it is.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from tailrace.models.prepare.polars_extra import pl
from tailrace_core.errors import InputError, RecordError
from tailrace_core.records.cutting import Cut
from tailrace_core.records.fields import delimiters

_NEWLINE, _RETURN = b"\n\r"
_SPARE = tuple(octet for octet in range(1, 32) if octet not in b"\t\n\r")
"""Control characters that separate nothing in a CSV."""
_MARK = b"\xef\xbb\xbf"
_MISREAD = (b"x", _MARK[:1])
"""First bytes of zlib streams, and of a byte order mark."""


class RawTable:
    """The fields of whole, regular records in UTF-8, as columns "0", "1" and so on of text.

    An empty field is null or an empty text. The last field of a record ends with ``line_mark`` if
    the record ends with a carriage return and a newline. ``wanted`` are the places of the columns
    to read, in ascending order; by default all.
    """

    def __init__(self, cut: Cut, columns: int, wanted: Sequence[int] | None = None) -> None:
        data = cut.data
        self.has_quotes = b'"' in data
        self.line_mark = ""
        comma, newline = ",", "\n"
        if self.has_quotes or b"\r" in data:
            spare = iter([octet for octet in _SPARE if data.find(octet) < 0])
            try:
                octets = next(spare), next(spare), next(spare)
            except StopIteration:
                raise _binary(cut) from None
            data = b"".join(_replaced(cut, octets))
            comma, newline, self.line_mark = map(chr, octets)
        self.frame = read_fields(data, infer_schema=False, separator=comma, eol_char=newline, columns=wanted)
        places = range(columns) if wanted is None else wanted
        if self.frame.shape != (cut.rows, len(places)):
            raise RecordError(
                f"rows {cut.first_row} to {cut.first_row + cut.rows - 1} were read as {self.frame.height} rows of "
                f"{self.frame.width} columns instead of {cut.rows} of {len(places)}; please report this",
                row=cut.first_row,
            )
        self.frame.columns = [str(place) for place in places]

    def to_bytes(self, frame: pl.DataFrame) -> bytes:
        """Return records of the text columns of ``frame``, a newline after each."""
        written = io.BytesIO()
        frame.write_csv(written, include_header=False, quote_style="never")
        text = written.getvalue()
        return text.replace(self.line_mark.encode(), b"\r") if self.line_mark else text


def read_fields(data: bytes, **options: Any) -> pl.DataFrame:
    """Read records without a header and quotes, with further options of `polars.read_csv`.

    Polars drops a byte order mark, and decompresses a text that begins like a zlib stream, such as
    ``x^``. Another byte order mark keeps it from both.
    """
    text = _MARK + data if data[:1] in _MISREAD else data
    frame: pl.DataFrame = pl.read_csv(text, has_header=False, quote_char=None, **options)
    return frame


def _replaced(cut: Cut, octets: tuple[int, int, int]) -> list[bytes]:
    """Return the records with other characters for the delimiters outside quotes."""
    comma, newline, line_mark = octets
    pieces = []
    for window in cut.windows:
        values = np.frombuffer(cut.data, np.uint8, window.structure.size, window.start).copy()
        found = delimiters(values, window.structure)
        is_newline = values[found] == _NEWLINE
        ends = found[is_newline]
        if len(ends) and cut.data.find(b"\r", window.start, window.stop) >= 0:
            before = ends[ends > 0] - 1
            values[before[values[before] == _RETURN]] = line_mark
        values[found] = np.where(is_newline, newline, comma)
        pieces.append(values.tobytes())
    return pieces


def _binary(cut: Cut) -> InputError:
    return InputError(
        f"rows {cut.first_row} to {cut.first_row + cut.rows - 1} hold nearly every control character, which text does "
        "not: is this a CSV, and input.encoding right?"
    )
