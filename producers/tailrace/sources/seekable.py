"""Files in which one can go back, as Parquet needs them: an object of S3, or a copy of a stream."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterable
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class RangedFile(io.RawIOBase):
    """A file of ``size_bytes`` whose ranges are read one by one; ``read`` returns one of them."""

    def __init__(self, read: Callable[[int, int], bytes], size_bytes: int) -> None:
        self._read_range = read
        self._size = size_bytes
        self._at = 0

    def readable(self) -> bool:
        """Return true."""
        return True

    def seekable(self) -> bool:
        """Return true."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a position, and return it."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = base + offset
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read as much as fits, less only at the end."""
        into = memoryview(buffer).cast("B")
        stop = min(self._at + len(into), self._size)
        if stop <= self._at:
            return 0
        data = self._read_range(self._at, stop)
        into[: len(data)] = data
        self._at += len(data)
        return len(data)


def seekable_file(
    stream: Any, stored: Iterable[bytes], read_range: Callable[[int, int], bytes] | None, size_bytes: int | None
) -> IO[bytes]:
    """Return a file with the bytes of a stream, of which ``stored`` are the blocks.

    It is the stream itself if that can go back, else one that is read by ranges, else a temporary
    copy, which is gone when it is closed.
    """
    if isinstance(stream, io.FileIO) and stream.seekable():
        return stream
    if read_range is not None and size_bytes is not None:
        return io.BufferedReader(RangedFile(read_range, size_bytes))
    return _copied(stored)


def _copied(blocks: Iterable[bytes]) -> IO[bytes]:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    try:
        for block in blocks:
            file.write(block)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file
