"""Text for terminals: characters that would control one are escaped.

Rows, reasons, keys and names come from outside. Raw, they could move the cursor, hide text or forge
lines. Text for people is always escaped. JSON and data stay as they are, unless a terminal shows
them.
"""

from __future__ import annotations

import codecs
import unicodedata
from collections.abc import Callable
from typing import IO

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks, embeddings, overrides and isolates, which change the order in which text is shown (Unicode UAX #9)."""
_SEPARATORS = frozenset({"Cc", "Cs", "Zl", "Zp"})
_KEPT = "\n\t"


def printable(value: object, *, keep: str = "") -> str:
    r"""Escape control characters as in ``\n``, ``\x1b`` and ``\u202e``, except those in ``keep``."""
    text = str(value)
    if text.isascii() and text.isprintable():
        return text
    return "".join(each if each in keep or not _controls(each) else _escaped(each) for each in text)


def printable_lines(text: str) -> str:
    """Escape control characters, except newlines and tabs, in a text of several lines."""
    return printable(text, keep=_KEPT)


def printable_json(lines: str) -> str:
    r"""Escape control characters in lines of JSON as in ``\u001b``, which leaves their values as they are."""
    return "".join(f"\\u{ord(each):04x}" if each != "\n" and _controls(each) else each for each in lines)


class TerminalWriter:
    r"""A stream for data over a terminal: characters that would control it are escaped.

    Bytes that are not UTF-8 are escaped too, as in ``\xff``.
    """

    def __init__(self, terminal: IO[bytes], escape: Callable[[str], str]) -> None:
        self._terminal = terminal
        self._escape = escape
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def write(self, data: bytes) -> int:
        """Write whole characters; keep the beginning of one for the next write."""
        self._terminal.write(self._escape(self._decoder.decode(data)).encode(errors="backslashreplace"))
        return len(data)

    def flush(self) -> None:
        """Flush the terminal."""
        self._terminal.flush()


def _controls(character: str) -> bool:
    return character in _BIDI or unicodedata.category(character) in _SEPARATORS


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
