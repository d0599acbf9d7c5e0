"""The body of an object that breaks off while it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Self

_BLOCK_BYTES = 1024


class BrokenBody:
    """Yields the first bytes of a body, then raises; everything else is the body's own."""

    def __init__(self, body: Any, after_bytes: int, error: Callable[[], Exception]) -> None:
        self._body = body
        self._left = after_bytes
        self._error = error

    def read(self, amt: int | None = None) -> bytes:
        """Read up to `amt` bytes. Raises the error where the body breaks off."""
        if amt == 0:
            return b""
        wanted = self._left if amt is None else min(amt, self._left)
        block: bytes = self._body.read(wanted) if wanted else b""
        self._left -= len(block)
        if not block or amt is None:
            self._body.close()
            raise self._error()
        return block

    def iter_chunks(self, chunk_size: int = _BLOCK_BYTES) -> Iterator[bytes]:
        """Yield blocks until the body breaks off."""
        while True:
            yield self.read(chunk_size)

    def __iter__(self) -> Iterator[bytes]:
        return self.iter_chunks()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._body.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)
