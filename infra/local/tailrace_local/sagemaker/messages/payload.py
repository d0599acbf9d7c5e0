"""The body of a request or response: in memory up to 8 MiB, then in a temporary file."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import IO, Self

BLOCK_BYTES = 256 * 1024
IN_MEMORY_BYTES = 8 * 1024 * 1024


class Payload:
    """A body that is written once and can be read several times.

    Attributes:
        content_type: the media type, or None if it is unknown.
        size_bytes: bytes written.
    """

    def __init__(self, spool_dir: Path | None = None, content_type: str | None = None) -> None:
        # SIM115: close() closes it; it outlives this block.
        self._file: IO[bytes] = SpooledTemporaryFile(IN_MEMORY_BYTES, dir=str(spool_dir) if spool_dir else None)  # noqa: SIM115
        self.content_type = content_type
        self.size_bytes = 0

    def write(self, block: bytes) -> None:
        """Append `block`."""
        self._file.write(block)
        self.size_bytes += len(block)

    def truncate(self, size_bytes: int) -> None:
        """Keep the first `size_bytes`."""
        self._file.truncate(size_bytes)
        self.size_bytes = size_bytes

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes from the start, in blocks."""
        self._file.seek(0)
        while block := self._file.read(BLOCK_BYTES):
            yield block

    def read(self) -> bytes:
        """Return all bytes; for small bodies."""
        return b"".join(self.blocks())

    def file(self) -> IO[bytes]:
        """Return the file, at its start, for streaming."""
        self._file.seek(0)
        return self._file

    def close(self) -> None:
        """Release the memory or the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
