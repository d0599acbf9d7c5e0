"""One request for all stripes of a run, which are read one after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager

from tailrace_core.submission.striping.manifest import SourceObject
from tailrace_core.submission.striping.reading import OpenRange
from tailrace_core.submission.striping.runs import Stretch

_KEPT_BYTES = 128 * 1024
"""Bytes that were read last, at least, and are kept: the next stripe may begin before them."""
_KEPT_BLOCKS = 2


@contextmanager
def read_together(
    stretches: Sequence[Stretch | None], open_range: OpenRange, *, margin: int = 0
) -> Iterator[OpenRange]:
    """Read the stretches of a run by one request as far as that goes; ``margin`` is read behind it.

    A run of one stripe is read as it asks for it.
    """
    last = stretches[-1]
    if len(stretches) == 1 or last is None:
        yield open_range
        return
    reader = StretchReader(open_range, last.source, min(last.stop + margin, last.source.size_bytes))
    try:
        yield reader.open
    finally:
        reader.close()


class StretchReader:
    """Serves reads of an object, each from where the one before ended or a little before it.

    They come from one request, which ends at ``stop``. A read beyond that, or of another object, is
    a request of its own.
    """

    def __init__(self, open_range: OpenRange, source: SourceObject, stop: int) -> None:
        self._open_range = open_range
        self._source = source
        self._stop = stop
        self._blocks: Generator[bytes] | None = None
        self._kept: deque[tuple[int, bytes]] = deque()
        self._at = 0
        """The end of what was read, and of the last block in ``_kept``."""

    def open(self, source: SourceObject, start: int, stop: int | None) -> Generator[bytes]:
        """Implement `tailrace_core.submission.striping.reading.OpenRange`."""
        if source != self._source or stop is None or stop > self._stop:
            yield from self._open_range(source, start, stop)
            return
        at = start
        while at < stop and (block := self._block_at(at)):
            yield block[: stop - at]
            at += len(block)

    def close(self) -> None:
        """End the request."""
        if self._blocks is not None:
            self._blocks.close()
            self._blocks = None
        self._kept.clear()

    def _block_at(self, at: int) -> bytes:
        """Return a block that begins at an offset; an empty one at the end of the object."""
        for begin, block in reversed(self._kept):
            if begin <= at < begin + len(block):
                return block[at - begin :]
        if self._blocks is None or at != self._at:
            self.close()
            self._blocks = self._open_range(self._source, at, self._stop)
            self._at = at
        try:
            block = next(self._blocks, b"")
        except Exception:
            # The request has ended: the next read begins another.
            self.close()
            raise
        self._kept.append((at, block))
        self._at += len(block)
        while len(self._kept) > _KEPT_BLOCKS and self._at - self._kept[1][0] >= _KEPT_BYTES:
            self._kept.popleft()
        return block
