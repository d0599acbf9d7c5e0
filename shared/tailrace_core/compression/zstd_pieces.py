"""Pieces of zstd data that each unpack to 128 KiB at most.

``zstandard`` unpacks all the input of a call at once, and a block of 4 bytes may unpack to 128 KiB.
So a file is handed over block by block. The format is that of RFC 8878, section 3.1.
"""

from __future__ import annotations

from collections.abc import Iterator

_MAGIC = b"\x28\xb5\x2f\xfd"
_DICTIONARY_BYTES = (0, 1, 2, 4)
_SIZE_BYTES = (0, 2, 4, 8)
_PREFIX_BYTES = 5
_BLOCK_HEADER_BYTES = 3
_SKIPPABLE_HEADER_BYTES = 8
_RUN = 1


class ZstdPieces:
    """Cuts a stream of zstd frames at the borders of its blocks, and wherever its input ends."""

    def __init__(self) -> None:
        self._start = b""
        """The bytes of a header that is not complete yet; they were handed over already."""
        self._left = 0
        """Bytes left of what the last header announced."""
        self._in_frame = False
        self._checksum_bytes = 0

    def of(self, data: bytes) -> Iterator[bytes]:
        """Yield the next bytes of the stream in pieces."""
        at = 0
        while at < len(data):
            begin = at
            if not self._left:
                wanted = self._header_bytes() - len(self._start)
                self._start += data[at : at + wanted]
                at = min(at + wanted, len(data))
                if len(self._start) == self._header_bytes():
                    self._read_header()
            else:
                at = min(at + self._left, len(data))
                self._left -= at - begin
            yield data[begin:at]

    def _header_bytes(self) -> int:
        """Return the size of the next header, as far as it is known."""
        if self._in_frame:
            return _BLOCK_HEADER_BYTES
        start = self._start
        if len(start) < _PREFIX_BYTES:
            return _PREFIX_BYTES
        if not start.startswith(_MAGIC):
            return _SKIPPABLE_HEADER_BYTES
        descriptor = start[4]
        single_segment = descriptor >> 5 & 1
        size_bytes = _SIZE_BYTES[descriptor >> 6] or single_segment
        return _PREFIX_BYTES + (1 - single_segment) + _DICTIONARY_BYTES[descriptor & 3] + size_bytes

    def _read_header(self) -> None:
        header, self._start = self._start, b""
        if self._in_frame:
            values = int.from_bytes(header, "little")
            is_run = values >> 1 & 3 == _RUN
            self._left = 1 if is_run else values >> 3
            if values & 1:
                self._left += self._checksum_bytes
                self._in_frame = False
        elif header.startswith(_MAGIC):
            self._checksum_bytes = 4 * (header[4] >> 2 & 1)
            self._in_frame = True
        else:
            self._left = int.from_bytes(header[4:], "little")
