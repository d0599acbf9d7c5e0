"""The head of a file: its first record, its byte order mark, and its encoding.

All files of an input have the same header. `tailrace.sources` holds each file to that rule, and so
do the functions that cut objects where they lie.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from tailrace_core.csv_text.framing import MAX_RECORD_BYTES
from tailrace_core.csv_text.headers import HeaderPolicy, parse_header
from tailrace_core.csv_text.records import first_record_end
from tailrace_core.errors import InputError

BOM = b"\xef\xbb\xbf"
SNIFF_BYTES = 64
"""Bytes of a file that show its encoding."""
_DOCUMENT = re.compile(rb"[ \t\r\n]*+(?:\{[ \t\r]*+\n|\[[ \t\r\n]*+\{|\[[ \t\r]*+\n)")
_WIDE_BOMS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")


@dataclass(slots=True)
class FileHead:
    """The beginning of a file, decompressed and without its byte order mark.

    ``data`` begins with the first record and holds what was read with it; ``record_end`` is the
    offset in it behind that record.
    """

    name: str
    data: bytes
    record_end: int
    bom_dropped: bool
    rest: Iterator[bytes] = field(repr=False)
    """The blocks of the file behind ``data``."""
    is_lines: bool = False
    """True for JSON Lines, whose first record ends at a newline, whatever is quoted."""

    @property
    def first_record(self) -> bytes:
        """The first record without its line end."""
        return self.data[: self.record_end].removesuffix(b"\n").removesuffix(b"\r")

    @property
    def line_end(self) -> bytes:
        """Line end of the first record; a newline if it has none."""
        return b"\r\n" if self.data.endswith(b"\r\n", 0, self.record_end) else b"\n"

    def data_offset(self, policy: HeaderPolicy) -> int:
        """Return the offset in the decompressed file of the first byte that is no header."""
        return len(BOM) * self.bom_dropped + (0 if policy is HeaderPolicy.NONE else self.record_end)


def read_head(head: bytes, blocks: Iterator[bytes], name: str) -> FileHead:
    """Read the first record of a file.

    ``head`` are its first `SNIFF_BYTES` or more, decompressed, or all of it; ``blocks`` is the
    whole file, the head included.

    Raises:
        InputError: the file is empty, is not UTF-8, or its first record does not end.
    """
    check_encoding(head, name)
    bom_dropped = head.startswith(BOM)
    data = b""
    for block in blocks:
        data += block if data or not bom_dropped else block.removeprefix(BOM)
        end = 0
        with suppress(ValueError):
            end = first_record_end(data)
        if 0 < end <= MAX_RECORD_BYTES:
            return FileHead(name, data, end, bom_dropped, blocks)
        if len(data) > MAX_RECORD_BYTES:
            break
    else:
        if not data:
            raise InputError(f"{name} is empty: it needs a header, and rows below it")
        return FileHead(name, data, len(data), bom_dropped, iter(()))
    raise InputError(
        f"the first record of {name} does not end within {MAX_RECORD_BYTES} bytes; probably a quote in it is not closed"
    )


def begins_object(head: bytes) -> bool:
    """Report whether the first byte of a file that is not blank begins a JSON object."""
    return head.removeprefix(BOM).lstrip(b" \t\r\n").startswith(b"{")


def check_no_document(head: bytes, name: str) -> None:
    """Refuse a file that is one JSON document over many lines, or a list of objects.

    As CSV, each of its lines would be a row.

    Raises:
        InputError: it is.
    """
    if _DOCUMENT.match(head.removeprefix(BOM)):
        raise InputError(
            f"{name} is a JSON document, and rows are read from JSON Lines, an object on every line: convert it, for "
            "instance with jq -c '.[]'; if it is CSV, name that as its format (--source-format csv)"
        )


def check_same_header(record: bytes, name: str, *, header: bytes, columns: Sequence[str], first: str) -> None:
    """Refuse a file whose header is not that of the first one, however its names are quoted.

    Args:
        record: The first record of the file, without its line end.
        name: The file's name.
        header: The header of the first file.
        columns: The names in it.
        first: The first file's name.

    Raises:
        InputError: the headers differ.
    """
    if record == header:
        return
    with suppress(InputError):
        if parse_header(record) == tuple(columns):
            return
    raise other_header(record, name, header=header, first=first)


def other_header(record: bytes, name: str, *, header: bytes, first: str) -> InputError:
    """Return the error for a file whose header is another one than that of the ``first``."""
    return InputError(
        f"the header of {name} is not that of {first}: {shown(record)} instead of {shown(header)}; submit them as two "
        "inputs"
    )


def header_only(name: str) -> InputError:
    """Return the error for an input of which no file holds a row; ``name`` is its first file."""
    return InputError(
        f"{name} holds a header only, and no data; if its first record is data, treat the file as one without a header"
    )


def ends_inside_quotes(name: str, quote: int) -> InputError:
    """Return the error for a file that ends inside quotes and is not the input's last one.

    ``quote`` is the offset of the quote in the file, decompressed.
    """
    return InputError(
        f"{name} ends inside quotes, which would swallow the file after it: close the quote at byte {quote}",
        offset=quote,
    )


def check_encoding(head: bytes, name: str) -> None:
    """Refuse a file whose first bytes are UTF-16 or UTF-32.

    Raises:
        InputError: they are.
    """
    wide = head.startswith(_WIDE_BOMS) or (len(head) > 1 and (not any(head[0::2]) or not any(head[1::2])))
    if wide:
        raise InputError(
            f"{name} is UTF-16 or UTF-32 and not UTF-8: convert it, for instance with iconv -t UTF-8, or name its "
            "encoding in a recipe of tailrace prepare"
        )


def shown(record: bytes) -> str:
    """Return a record as text for a message, shortened."""
    text = record.decode(errors="replace")
    limit = 120
    return repr(text if len(text) <= limit else text[:limit] + "…")
