"""The bytes of a request or an answer: in memory while small, in an unnamed file beyond."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import IO, Self

BLOCK_BYTES = 256 * 1024
IN_MEMORY_BYTES = 8 * 1024 * 1024


class Payload:
    """A body that is written once and read as often as needed.

    Attributes:
        content_type: what its writer said it is, or None.
        size_bytes: bytes written.
    """

    def __init__(self, spool_dir: Path | None = None, content_type: str | None = None) -> None:
        # SIM115: it is closed by close(), its life is longer than a block.
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
        """The bytes from the start, in blocks."""
        self._file.seek(0)
        while block := self._file.read(BLOCK_BYTES):
            yield block

    def read(self) -> bytes:
        """All bytes; for bodies known to be small."""
        return b"".join(self.blocks())

    def file(self) -> IO[bytes]:
        """The file, at its start, for one who streams it."""
        self._file.seek(0)
        return self._file

    def close(self) -> None:
        """Give the memory or the disk back."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
