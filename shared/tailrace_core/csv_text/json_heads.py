"""The head of JSON Lines: the first line that is not blank, whose keys are the columns."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from tailrace_core.csv_text.framing import MAX_RECORD_BYTES
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.csv_text.heads import BOM, FileHead, begins_object, check_encoding, check_no_document, read_head
from tailrace_core.csv_text.json_rows import NoRowError, row_items
from tailrace_core.errors import InputError

_BLANKS = b" \t\r\n"


def read_source_head(head: bytes, blocks: Iterator[bytes], name: str, *, is_lines: bool | None) -> FileHead:
    """Read the head of a file of CSV or of JSON Lines; None for ``is_lines`` is: by its content.

    A file is JSON Lines if its first byte that is not blank is a brace, and its first line that is
    not blank a JSON object. ``head`` and ``blocks`` are as for
    `tailrace_core.csv_text.heads.read_head`.

    Raises:
        InputError: the file is empty, is not UTF-8, is a JSON document, or its first record does
            not end.
    """
    if is_lines is None:
        check_no_document(head, name)
    if is_lines is False or (is_lines is None and not begins_object(head)):
        return read_head(head, blocks, name)
    check_encoding(head, name)
    data, end = b"", 0
    for block in blocks:
        data += block
        if (end := _first_line_end(data)) or len(data) > MAX_RECORD_BYTES:
            break
    blocks = chain((data,) if data else (), blocks)
    if is_lines is None and not _is_object(data[: end or len(data)].removeprefix(BOM)):
        return read_head(head, blocks, name)
    if not data:
        raise InputError(f"{name} is empty: it needs a JSON object on a line at least")
    if (end or len(data)) > MAX_RECORD_BYTES:
        raise InputError(
            f"the first line of {name} does not end within {MAX_RECORD_BYTES} bytes: JSON Lines has an object on every "
            "line; one document over many lines is not read"
        )
    bom = len(BOM) * data.startswith(BOM)
    next(blocks)
    return FileHead(name, data[bom:], (end or len(data)) - bom, bool(bom), blocks, is_lines=True)


def columns_of_lines(line: bytes, name: str, policy: HeaderPolicy) -> tuple[str, ...]:
    """Return the columns of JSON Lines: the keys of the first line of the file ``name``.

    Raises:
        InputError: it is no JSON object with keys of their own; or ``policy`` says that there are
            no names.
    """
    if policy is HeaderPolicy.NONE:
        raise InputError(f'{name} is JSON Lines, whose keys are column names: leave out header="none"')
    try:
        columns = tuple(key for key, _ in row_items(line))
    except NoRowError as error:
        raise InputError(
            f"the first line of {name} has the columns of JSON Lines as its keys, and is no row: {error}; write an "
            "object on every line, or name another source format"
        ) from error
    if not columns:
        raise InputError(f"the first line of {name} is an empty object, so there are no columns: give it its keys")
    if any("\ud800" <= character <= "\udfff" for name in columns for character in name):
        raise InputError(f"the first line of {name} has a key with half of a surrogate pair: rename it")
    return columns


def _first_line_end(data: bytes) -> int:
    """Return where the first line that is not blank ends, with its newline; 0 if it does not."""
    start = len(BOM) * data.startswith(BOM)
    start = len(data) - len(data[start:].lstrip(_BLANKS))
    return data.find(b"\n", start) + 1


def _is_object(line: bytes) -> bool:
    try:
        row_items(line)
    except NoRowError:
        return False
    return True
