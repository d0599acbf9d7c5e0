"""Tuning of malloc: freed memory stays with the process.

The kernel clears and maps new pages one by one, which takes longer than filling them. Blocks and
cuts come and go at gigabytes a second, all of about the same sizes.
"""

from __future__ import annotations

_LARGE_BYTES = 30 * 1024 * 1024
"""glibc raises its threshold up to 32 MiB."""


def retain_freed_memory() -> None:
    """Have the C library keep freed memory.

    Once a large block is freed, glibc serves all blocks up to its size from the heap. It returns the top of the heap
    only when twice as much is free (mallopt(3), M_MMAP_THRESHOLD). The block freed here is never touched and so costs
    nothing. Other C libraries are not affected.
    """
    bytes(_LARGE_BYTES)
