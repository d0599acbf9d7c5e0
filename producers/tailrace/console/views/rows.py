"""The rows of a chunk as a page shows and takes them: text, with the line ends that were sent."""

from __future__ import annotations

from dataclasses import dataclass

MAX_EDIT_BYTES = 256 * 1024
"""Largest input that a page offers for editing; larger ones are edited in a file."""
MAX_SHOWN_ROWS = 8
MAX_SHOWN_CHARS = 600


@dataclass(frozen=True, slots=True)
class Editable:
    """An input as text with LF line ends, as a text area needs it; or why it cannot be edited."""

    text: str = ""
    crlf: bool = False
    """True if all lines end with CRLF; they are put back."""
    refusal: str | None = None


def editable(data: bytes | None) -> Editable:
    """Return an input for editing: one with a single kind of line ends, as browsers change them."""
    if data is None:
        return Editable(refusal="the input object is missing")
    if len(data) > MAX_EDIT_BYTES:
        return Editable(refusal="it is too large for a page")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return Editable(refusal="it is not UTF-8")
    plain = text.replace("\r\n", "\n")
    crlf = "\r\n" in text
    if "\r" in plain or "\0" in plain or (crlf and plain.count("\n") != text.count("\r\n")):
        return Editable(refusal="its line ends differ from row to row, and a page would change them")
    return Editable(plain, crlf)


def edited(text: str, *, crlf: bool) -> bytes:
    """Return what was edited with the line ends that were sent; a browser sends CRLF for each."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    return (plain.replace("\n", "\r\n") if crlf else plain).encode()


def first_rows(data: bytes | None) -> list[str] | None:
    """Return the first lines of an input for reading; None if it is missing."""
    if data is None:
        return None
    lines = data.decode(errors="replace").splitlines()
    return [line if len(line) <= MAX_SHOWN_CHARS else line[:MAX_SHOWN_CHARS] + "…" for line in lines[:MAX_SHOWN_ROWS]]
