"""Text for terminals: characters that would control one are escaped.

Rows, reasons, keys and names come from outside. Raw, they could move the cursor, hide text or forge
lines. Only text for people is escaped: JSON and data stay as they are.
"""

from __future__ import annotations

import unicodedata

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks, embeddings, overrides and isolates, which change the order in which text is shown (Unicode UAX #9)."""
_SEPARATORS = frozenset({"Cc", "Cs", "Zl", "Zp"})


def printable(value: object, *, keep: str = "") -> str:
    r"""Escape control characters as in ``\n``, ``\x1b`` and ``\u202e``, except those in ``keep``."""
    text = str(value)
    if text.isascii() and text.isprintable():
        return text
    return (
        "".join(map(_escaped, text)) if not keep else "".join(each if each in keep else _escaped(each) for each in text)
    )


def printable_lines(text: str) -> str:
    """Escape control characters, except newlines and tabs, in a text of several lines."""
    return printable(text, keep="\n\t")


def _escaped(character: str) -> str:
    if character in _BIDI or unicodedata.category(character) in _SEPARATORS:
        return character.encode("unicode_escape", "surrogatepass").decode("ascii")
    return character
