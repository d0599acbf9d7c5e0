"""Reads a request's body, with a Content-Length or in chunks, up to a limit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from email.message import Message
    from io import BufferedIOBase

_LINE_BYTES = 4096
_TRAILERS = 64
_BLOCK_BYTES = 1 << 16
_HEX = set(b"0123456789abcdefABCDEF")


class BodyError(Exception):
    """The body cannot be read; `status` is the response's, and the connection cannot be reused."""

    status = 400


class TooLargeError(BodyError):
    """The body is longer than the limit."""

    status = 413

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"the payload exceeds {limit_bytes} bytes; send fewer rows, or raise MAX_CONTENT_LENGTH")


def declared_length(headers: Message) -> int | None:
    """Return the Content-Length: None if the body comes in chunks, 0 if there is neither.

    Raises:
        BodyError: the headers contradict each other or cannot be read.
    """
    lengths, encodings = headers.get_all("Content-Length", []), headers.get_all("Transfer-Encoding", [])
    if encodings:
        if lengths or [encoding.strip().lower() for encoding in encodings] != ["chunked"]:
            raise BodyError("send either a Content-Length or Transfer-Encoding: chunked, and no other encoding")
        return None
    if not lengths:
        return 0
    if len(set(lengths)) > 1 or not (lengths[0].isascii() and lengths[0].isdigit()):
        raise BodyError(f"Content-Length {', '.join(lengths)!r} is not a number of bytes")
    return int(lengths[0])


def read(stream: BufferedIOBase, headers: Message, limit_bytes: int) -> bytes:
    """Read the whole body.

    Raises:
        TooLargeError: the body is longer than `limit_bytes`; the rest stays unread.
        BodyError: the body is malformed, or ends early.
    """
    length = declared_length(headers)
    if length is None:
        return _chunked(stream, limit_bytes)
    if length > limit_bytes:
        raise TooLargeError(limit_bytes)
    return _exactly(stream, length)


def discard(stream: BufferedIOBase, limit_bytes: int, seconds: float) -> None:
    """Read until the sender stops, within bounds.

    Closing at once would reset the connection and lose the response.
    """
    until = time.monotonic() + seconds
    while limit_bytes > 0 and time.monotonic() < until:
        block = stream.read1(min(_BLOCK_BYTES, limit_bytes))
        if not block:
            return
        limit_bytes -= len(block)


def _chunked(stream: BufferedIOBase, limit_bytes: int) -> bytes:
    pieces, room = [], limit_bytes
    while size := _chunk_size(stream):
        if size > room:
            raise TooLargeError(limit_bytes)
        room -= size
        pieces.append(_exactly(stream, size))
        if _line(stream):
            raise BodyError("a chunk is longer than its size says")
    for _ in range(_TRAILERS):
        if not _line(stream):
            return b"".join(pieces)
    raise BodyError(f"more than {_TRAILERS} trailers after the last chunk")


def _chunk_size(stream: BufferedIOBase) -> int:
    size = _line(stream).split(b";")[0].strip()
    if not size or not set(size) <= _HEX:
        raise BodyError(f"{size[:16]!r} is not the size of a chunk")
    return int(size, 16)


def _line(stream: BufferedIOBase) -> bytes:
    line = stream.readline(_LINE_BYTES)
    if not line.endswith(b"\n"):
        raise BodyError("the body ends, or a line is too long, where the size of a chunk is expected")
    return line.rstrip(b"\r\n")


def _exactly(stream: BufferedIOBase, size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise BodyError(f"the body ends after {len(content)} of {size} bytes")
    return content
