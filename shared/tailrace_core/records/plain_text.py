"""Proves that a small text is clean without NumPy, whose import takes longer than such a proof.

Only plain text is proved: no quotes, no carriage returns, nothing that may begin a comment, and as
many commas in each row. `tailrace_core.records.preflight` judges everything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, repeat

from tailrace_core.csv_text.records import first_not_utf8

MAX_BYTES = 4 * 1024 * 1024
"""The proof of more would take longer than NumPy and its proof."""
_SPECIAL = (b'"', b"\r", b"#", b"\0", b"\xef\xbb\xbf")


def read_small(blocks: Iterable[bytes], max_bytes: int) -> tuple[bytes | None, Iterator[bytes]]:
    """Read an input to its end, and return it in one piece; also all of it in blocks.

    The piece is None if the input has more than ``max_bytes``, of which not much more are read.
    """
    rest = iter(blocks)
    read: list[bytes] = []
    left = max_bytes
    for block in rest:
        read.append(block)
        left -= len(block)
        if left < 0:
            return None, chain(read, rest)
    text = b"".join(read)
    return text, iter((text,))


def may_be_plain(head: bytes) -> bool:
    """Report whether a text that begins so may be plain."""
    return not any(each in head for each in _SPECIAL)


def plain_rows(text: bytes, columns: int, header: bytes | None) -> int | None:
    """Return how many rows a text has, each with ``columns`` sound fields; None without a proof.

    ``header`` is the header without its line end, which no row may repeat.
    """
    if not text or not may_be_plain(text) or first_not_utf8(text) is not None:
        return None
    if header is not None and (not header or text.startswith(header) or b"\n" + header in text):
        return None
    rows = text.removesuffix(b"\n").split(b"\n")
    if columns == 1 and min(rows)[:1] <= b" ":
        return None  # It may be blank; with two columns and more, a blank line lacks a comma.
    return len(rows) if set(map(bytes.count, rows, repeat(b","))) == {columns - 1} else None
