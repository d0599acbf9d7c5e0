"""Checksums in the form of the ledger, the events and the manifest: ``crc32:<8 hex digits>``."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable
from functools import cache

Crc32 = Callable[[bytes | memoryview, int], int]


@cache
def fastest_crc32() -> Crc32:
    """Return zlib-ng's function if it is installed; it is several times as fast as zlib's."""
    try:
        from zlib_ng import zlib_ng  # noqa: PLC0415 - an optional extra
    except ImportError:
        return zlib.crc32
    crc32: Crc32 = zlib_ng.crc32
    return crc32


class Checksum:
    """A running CRC-32, the checksum that S3 itself verifies uploads with."""

    def __init__(self, crc32: Crc32 | None = None) -> None:
        self._crc32 = crc32 or fastest_crc32()
        self._crc = 0
        self.size_bytes = 0

    def update(self, data: bytes | memoryview) -> None:
        """Add bytes."""
        self._crc = self._crc32(data, self._crc)
        self.size_bytes += len(data)

    def __str__(self) -> str:
        return f"crc32:{self._crc:08x}"


def checksum(*pieces: bytes | memoryview) -> str:
    """Return the checksum of the concatenated pieces."""
    running = Checksum()
    for piece in pieces:
        running.update(piece)
    return str(running)


def to_s3_crc32(checksum: str) -> str:
    """Convert a checksum to the form of S3's ``ChecksumCRC32``: its four bytes in base64."""
    return base64.b64encode(bytes.fromhex(checksum.removeprefix("crc32:"))).decode()
