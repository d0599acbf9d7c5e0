"""Binary streams that a caller gives as input; they are read once and stay open."""

from __future__ import annotations

import inspect
import io
from typing import Any, Protocol

from tailrace_core.errors import InputError


class BinaryStream(Protocol):
    """A stream of bytes: a file opened with ``"rb"``, `io.BytesIO`, a response's body."""

    def read(self, size: int, /) -> bytes: ...  # noqa: D102 - the class says it


def stream_name(stream: object) -> str:
    """Return a name for messages: that of the file, or the stream's type."""
    name = getattr(stream, "name", None)
    return name if isinstance(name, str) and name else f"the {type(stream).__name__}"


def check_stream(stream: Any, what: str) -> None:
    """Refuse a stream that cannot give bytes.

    Raises:
        InputError: it is a text stream, is asynchronous, closed, or not open for reading.
    """
    if isinstance(stream, io.TextIOBase):
        raise InputError(_text_remedy(stream, what))
    if inspect.iscoroutinefunction(stream.read):
        raise InputError(f"{what} is an asynchronous stream ({type(stream).__name__}): {_SYNC_REMEDY}")
    if getattr(stream, "closed", False) is True:
        raise InputError(f"{what} is a closed stream: open it again")
    readable = getattr(stream, "readable", None)
    if callable(readable) and readable() is False:
        raise InputError(f'{what} is a stream that is not open for reading: open it with "rb"')


_SYNC_REMEDY = "write it to a file, or give a stream whose read returns bytes"


def _text_remedy(stream: object, what: str) -> str:
    if isinstance(stream, io.StringIO):
        return f"{what} is a text stream (StringIO): give io.BytesIO(stream.getvalue().encode())"
    if isinstance(stream, io.TextIOWrapper):
        return f'{what} is a text stream: open the file with "rb", or give its .buffer, as in sys.stdin.buffer'
    return f"{what} is a text stream ({type(stream).__name__}): give a stream of bytes"


class BorrowedStream:
    """A stream that its owner closes, not this module; its blocks are checked to be bytes."""

    def __init__(self, stream: Any, name: str) -> None:
        self._stream = stream
        self._name = name
        # `read` of a buffered stream waits until it has all bytes; `read1` returns those that have
        # come.
        self._read = getattr(stream, "read1", stream.read)
        self._has_begun = False

    def read(self, size: int, /) -> bytes:
        """Read at most ``size`` bytes; none only at the end.

        Raises:
            InputError: the stream gives no bytes, or stands at its end from the beginning.
        """
        given = self._read(size)
        block = given if type(given) is bytes else self._as_bytes(given)
        if not block and not self._has_begun:
            self._refuse_end()
        self._has_begun = True
        return block

    def close(self) -> None:
        """Leave the stream open."""

    def _as_bytes(self, block: object) -> bytes:
        if isinstance(block, (bytes, bytearray, memoryview)):
            return bytes(block)
        if isinstance(block, str):
            raise InputError(_text_remedy(self._stream, self._name))
        if inspect.iscoroutine(block):
            block.close()
        if inspect.isawaitable(block):
            raise InputError(f"{self._name} is an asynchronous stream: {_SYNC_REMEDY}")
        if block is None:
            raise InputError(f"{self._name} has no bytes at the moment, as it does not block: give a blocking stream")
        raise InputError(f"{self._name} returns {type(block).__name__} where bytes are expected: {_SYNC_REMEDY}")

    def _refuse_end(self) -> None:
        try:
            at = self._stream.tell()
        except (AttributeError, OSError, ValueError):
            return
        if at:
            raise InputError(f"{self._name} stands at its end, byte {at}: seek back to its start first, seek(0)")
