"""Scanning of blocks in threads, while the next blocks are being read.

NumPy releases the interpreter lock while it marks a block, and so does reading: with two cores
both run at the same time. Marking a block takes nearly all the time and needs no other block; the
quote state is carried over afterwards, in order. The threads do not read, so they always end;
reading from a pipe may not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from tailrace.records.structure import BlockMarks, ScannedBlock
from tailrace_core.csv_text.records import START, QuoteState

_AHEAD = 2
_THREADS = 2


def scan_blocks(blocks: Iterable[bytes], size_bytes: int) -> Generator[ScannedBlock, None, None]:
    """Yield the scanned bytes in blocks of ``size_bytes`` or less.

    A smaller block is all that its source had at the moment. It is passed on before the next one is
    read, which may take long to come.
    """
    state = START
    ahead: deque[Future[BlockMarks]] = deque()
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="tailrace-scan") as pool:
        for block in blocks:
            for start in range(0, len(block), size_bytes):
                piece = block if len(block) <= size_bytes else block[start : start + size_bytes]
                ahead.append(pool.submit(BlockMarks.of, piece))
            while len(ahead) > (_AHEAD if len(block) >= size_bytes else 0):
                scanned = _next(ahead, state)
                state = scanned.after
                yield scanned
        while ahead:
            scanned = _next(ahead, state)
            state = scanned.after
            yield scanned


def _next(ahead: deque[Future[BlockMarks]], before: QuoteState) -> ScannedBlock:
    return ScannedBlock.resolve(ahead.popleft().result(), before)
