"""Scanning: blocks looked at while the next ones are being read, with a thread beside the one that reads.

What NumPy does to a block needs no interpreter, and neither does the kernel to read one: with two cores both go on at
the same time. Only looking is left to the thread, which therefore always comes to an end; reading from a pipe may not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from tailrace.records.structure import ScannedBlock
from tailrace_core.csv_text.records import START

_AHEAD = 2


def scan_blocks(blocks: Iterable[bytes], size_bytes: int) -> Generator[ScannedBlock, None, None]:
    """The bytes of the blocks in stretches of ``size_bytes`` or less.

    A block that is smaller is all that its source had: it is handed on before the next one is asked for, which may be
    long in coming.
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
    """Scans one stretch after the other."""

    def __init__(self) -> None:
        self._state = START

    def scan(self, data: bytes) -> ScannedBlock:
        stretch = ScannedBlock.scan(data, self._state)
        self._state = stretch.after
        return stretch
