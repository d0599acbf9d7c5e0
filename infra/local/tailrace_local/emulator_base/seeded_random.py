"""Random numbers that depend on their inputs alone.

They are the same at every run, in every process and order.
"""

from __future__ import annotations

import hashlib

_BITS = 64


def draw(seed: int, *what: object) -> float:
    """Return a number in [0, 1) that depends only on the seed and the decision, `what`."""
    text = "\x1f".join((str(seed), *(str(part) for part in what)))
    digest = hashlib.blake2b(text.encode(), digest_size=_BITS // 8).digest()
    return int.from_bytes(digest) / (1 << _BITS)
