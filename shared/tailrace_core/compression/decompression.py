"""Decompression in bounded memory.

The format is recognised by a file's first bytes, never by its name.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from itertools import chain
from typing import Any

from tailrace_core.errors import InputError

BLOCK_BYTES = 1024 * 1024
"""Size of a read: enough to make its fixed cost small, and little enough to stay in the CPU's
cache."""

_GZIP = b"\x1f\x8b\x08"
PARQUET = b"PAR1"
_ZSTD = b"\x28\xb5\x2f\xfd"
_REFUSED = {
    b"PK\x03\x04": "a zip archive (or a spreadsheet)",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "a workbook of an older Excel (.xls)",
    b"\xfd7zXZ\x00": "compressed with xz",
    b"BZh91AY&SY": "compressed with bzip2",
    b"\x50\x2a\x4d\x18": "a zstd file that begins with a skippable frame",
}
_SNIFF_BYTES = max(map(len, (_GZIP, _ZSTD, PARQUET, *_REFUSED)))
_GZIP_WRAPPER = 16 + zlib.MAX_WBITS
_ZSTD_WINDOW_BYTES = 8 * 1024 * 1024
"""Largest window of a zstd frame, which the decompressor keeps in memory: that of level 19, and all
that RFC 8878 recommends to support."""


def decompress(blocks: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Decompress a file that comes in ``blocks``; the blocks returned are never empty.

    Gzip (any number of members) and zstd are decompressed, other data passes unchanged.

    Raises:
        InputError: the data is cut off or damaged (with the offset in the compressed file), is in a
            format that holds no CSV, or is zstd and ``zstandard`` is not installed.
    """
    head, rest = peek(blocks, _SNIFF_BYTES)
    if head.startswith(_GZIP):
        return filter(None, _gunzip(rest, name))
    if head.startswith(_ZSTD):
        return filter(None, _unzstd(rest, name))
    if head.startswith(PARQUET):
        raise InputError(
            f"{name} is a Parquet file, which only a client reads, and only if no other format is named (with "
            "tailrace[arrow] installed): submit it without --remote, --source-format and files of another format, or "
            "convert it to CSV"
        )
    for magic, what in _REFUSED.items():
        if head.startswith(magic):
            raise InputError(f"{name} is {what}, which Tailrace does not read: convert it to CSV, plain, gzip or zstd")
    return rest


def is_compressed(head: bytes) -> bool:
    """Report whether a file that begins with ``head`` is compressed in a way that is read."""
    return head.startswith((_GZIP, _ZSTD))


def peek(blocks: Iterator[bytes], size_bytes: int) -> tuple[bytes, Iterator[bytes]]:
    """Return the first bytes and the whole input again.

    The first bytes are ``size_bytes`` or more unless the input is shorter.
    """
    head = b""
    while len(head) < size_bytes:
        block = next(blocks, b"")
        if not block:
            break
        head += block
    return head, chain((head,) if head else (), blocks)


def _gunzip(blocks: Iterator[bytes], name: str) -> Iterator[bytes]:
    member = zlib.decompressobj(_GZIP_WRAPPER)
    offset = 0
    for block in blocks:
        data = block
        while data:
            if member.eof:
                # Zeros may pad the last member (as on tapes); other data begins another member.
                data = data.lstrip(b"\0")
                if not data:
                    break
                member = zlib.decompressobj(_GZIP_WRAPPER)
            try:
                yield member.decompress(data, BLOCK_BYTES)
            except zlib.error as error:
                at = offset + len(block) - len(data)
                raise InputError(f"{name} is damaged: gzip data near byte {at} cannot be read ({error})") from error
            data = member.unused_data if member.eof else member.unconsumed_tail
        offset += len(block)
    # The output that zlib still buffers after the last input is less than a block.
    yield member.flush()
    if not member.eof:
        raise _cut_off(name, "gzip", offset)


def _unzstd(blocks: Iterator[bytes], name: str) -> Iterator[bytes]:
    from tailrace_core.compression.zstd_pieces import ZstdPieces  # noqa: PLC0415 - needed for zstd only

    zstandard = _zstandard(name)

    def new_frame() -> Any:
        return zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES).decompressobj()

    frame, pieces = new_frame(), ZstdPieces()
    offset = 0
    for block in blocks:
        unpacked: list[bytes] = []
        for piece in pieces.of(block):
            if frame.eof:
                frame = new_frame()
            try:
                unpacked.append(frame.decompress(piece))
            except zstandard.ZstdError as error:
                raise _unreadable(name, offset, str(error)) from error
            offset += len(piece)
            if sum(map(len, unpacked)) >= BLOCK_BYTES:
                yield b"".join(unpacked)
                unpacked = []
        yield b"".join(unpacked)
    if not frame.eof:
        raise _cut_off(name, "zstd", offset)


def _unreadable(name: str, offset: int, reason: str) -> InputError:
    if "too much memory" in reason:
        return InputError(
            f"{name} needs a zstd window of more than {_ZSTD_WINDOW_BYTES} bytes of memory near byte {offset}: "
            "compress it again without --long and --ultra, for instance zstd -dc --long=31 FILE | zstd -o NEW"
        )
    return InputError(f"{name} is damaged: zstd data near byte {offset} cannot be read ({reason})")


def _cut_off(name: str, kind: str, offset: int) -> InputError:
    return InputError(
        f"{name} is cut off: its {kind} data ends at byte {offset}, in the middle; fetch or write the file again",
        offset=offset,
    )


def _zstandard(name: str) -> Any:
    try:
        import zstandard  # noqa: PLC0415 - an optional extra, needed for zstd only
    except ImportError as error:
        raise InputError(f"{name} is compressed with zstd: install tailrace[zstd], or decompress it first") from error
    return zstandard
