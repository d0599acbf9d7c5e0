"""Tuning of malloc: freed memory stays with the process.

The kernel clears and maps new pages one by one, which takes longer than filling them. Blocks and
cuts come and go at gigabytes a second, all of about the same sizes.
"""

from __future__ import annotations

from functools import cache

_LARGE_BYTES = 30 * 1024 * 1024
"""glibc raises its threshold up to 32 MiB."""


@cache
def retain_freed_memory() -> None:
    """Have the C library keep freed memory, from the first call in a process on.

    Once a large block is freed, glibc serves all blocks up to its size from the heap. It returns
    the top of the heap only when twice as much is free (mallopt(3), M_MMAP_THRESHOLD). The first
    block is never touched and so costs nothing; a second one would come from the heap and be
    cleared, which takes 3 ms. Other C libraries are not affected.
    """
    bytes(_LARGE_BYTES)
