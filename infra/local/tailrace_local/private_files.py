"""Files that only their owner can read: tokens, secrets, logs of the user's data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO


def open_private(path: Path) -> BinaryIO:
    """Open a file to append to it; if it is new, only its owner can read it."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def write_private(path: Path, text: str) -> None:
    """Replace a file, in one step, by one that only its owner can read."""
    scratch = path.with_suffix(".partial")
    scratch.unlink(missing_ok=True)
    with open_private(scratch) as file:
        file.write(text.encode())
    scratch.replace(path)
