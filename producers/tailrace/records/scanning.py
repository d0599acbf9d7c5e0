"""Scanning of blocks in a thread, while the next blocks are being read.

NumPy releases the interpreter lock while it scans, and so does reading: with two cores both run at
the same time. The thread scans and does not read, so it always ends; reading from a pipe may not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from tailrace.records.structure import ScannedBlock
from tailrace_core.csv_text.records import START

_AHEAD = 2


def scan_blocks(blocks: Iterable[bytes], size_bytes: int) -> Generator[ScannedBlock, None, None]:
    """Yield the scanned bytes in blocks of ``size_bytes`` or less.

    A smaller block is all that its source had at the moment. It is passed on before the next one is
    read, which may take long to come.
    """
    scanner = _Scanner()
    ahead: deque[Future[ScannedBlock]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="tailrace-scan") as pool:
        for block in blocks:
            for start in range(0, len(block), size_bytes):
                piece = block if len(block) <= size_bytes else block[start : start + size_bytes]
                ahead.append(pool.submit(scanner.scan, piece))
            while len(ahead) > (_AHEAD if len(block) >= size_bytes else 0):
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


class _Scanner:
    """Scans one block after the other and carries the quote state over."""

    def __init__(self) -> None:
        self._state = START

    def scan(self, data: bytes) -> ScannedBlock:
        stretch = ScannedBlock.scan(data, self._state)
        self._state = stretch.after
        return stretch
