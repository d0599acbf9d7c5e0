"""The heap: what is freed stays with the process for what is needed next.

Pages that the kernel hands out anew are cleared and mapped one by one, which takes longer than to fill them; blocks and
cuts come and go at gigabytes a second, all of about the same sizes.
"""

from __future__ import annotations

_LARGE_BYTES = 30 * 1024 * 1024
"""glibc goes up to 32 MiB."""


def retain_freed_memory() -> None:
    """Have the C library keep what is freed.

    From the first large block that is freed on, glibc takes all blocks up to its size from the heap, and gives the top
    of that back once twice as much is free (mallopt(3), M_MMAP_THRESHOLD). This one is never touched and so costs
    nothing. Other libraries do as they do.
    """
    bytes(_LARGE_BYTES)
