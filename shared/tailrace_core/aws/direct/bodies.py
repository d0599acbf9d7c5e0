"""Bodies of objects in S3, read from their connection piece by piece."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol
from zlib import crc32

from tailrace_core.errors import TransientError


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


_CHECKSUMS: dict[str, Callable[[], _Digest]] = {
    "x-amz-checksum-crc32": _Crc32,
    "x-amz-checksum-sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "x-amz-checksum-sha256": hashlib.sha256,
}
"""The checksums that botocore verifies without the AWS Common Runtime; the first one counts."""


class ObjectBody:
    """The body of an object: a stream that verifies the checksum of a whole read."""

    def __init__(
        self, pieces: Iterable[bytes], headers: Mapping[str, str], finish: Callable[[bool], None], operation: str
    ) -> None:
        """``finish`` is called once: with true after the last byte, with false if closed before."""
        self._pieces: Iterator[bytes] = iter(pieces)
        self._finish = finish
        self._operation = operation
        self._rest = b""
        self._open = True
        self._stated, self._digest = _checksum(headers)

    def read(self, size: int | None = None, /) -> bytes:
        """Return up to ``size`` bytes; all that follow when it is None. Empty at the end.

        Raises:
            TransientError: the connection broke, or the bytes are not those of the checksum.
        """
        found = [self._rest]
        length = len(self._rest)
        while size is None or length < size:
            piece = self._next()
            if piece is None:
                break
            found.append(piece)
            length += len(piece)
        data = b"".join(found)
        end = length if size is None else size
        self._rest = data[end:]
        return data[:end]

    def close(self) -> None:
        """Close the body; its connection is of no use unless all was read."""
        self._end(whole=False)

    def _next(self) -> bytes | None:
        if not self._open:
            return None
        try:
            piece = next(self._pieces, None)
        except OSError as exc:
            self._end(whole=False)
            raise TransientError(
                f"{self._operation}: {exc}", operation=self._operation, timed_out=isinstance(exc, TimeoutError)
            ) from exc
        if piece is None:
            self._end(whole=True)
            self._verify()
        elif self._digest:
            self._digest.update(piece)
        return piece

    def _verify(self) -> None:
        found = b64encode(self._digest.digest()).decode() if self._digest else self._stated
        if found != self._stated:
            raise TransientError(
                f"{self._operation}: the object arrived with the checksum {found}, not {self._stated}",
                operation=self._operation,
            )

    def _end(self, *, whole: bool) -> None:
        if self._open:
            self._open = False
            self._finish(whole)


def _checksum(headers: Mapping[str, str]) -> tuple[str, _Digest | None]:
    for name, digest in _CHECKSUMS.items():
        stated = headers.get(name, "")
        # A checksum of checksums, of an object uploaded in parts, ends with their number.
        if stated and "-" not in stated:
            return stated, digest()
    return "", None
