"""Chances that look random and fall the same way at every run, in every process and in any order."""

from __future__ import annotations

import hashlib

_BITS = 64


def draw(seed: int, *what: object) -> float:
    """A number in [0, 1) that depends on the seed and on `what` is decided, and on nothing else."""
    text = "\x1f".join((str(seed), *(str(part) for part in what)))
    digest = hashlib.blake2b(text.encode(), digest_size=_BITS // 8).digest()
    return int.from_bytes(digest) / (1 << _BITS)
