"""Generated files, cached in ``.tailrace/bench`` with the facts about them."""

from __future__ import annotations

import json
import subprocess
import sys
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.processes import ROOT

FOLDER = ROOT / ".tailrace/bench"
_BLOCK_BYTES = 1024 * 1024


def cached_facts(module: str, *arguments: str) -> dict[str, Any]:
    """Return the facts about the files that a module writes.

    It runs in its own process, to keep this one small.

    The module gets the arguments and the path of the JSON file, which it writes when all others are
    complete.
    """
    path = FOLDER / f"{'-'.join((module.rpartition('.')[2], *arguments))}.json"
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", module, *arguments, str(path)], check=True, cwd=ROOT)
    said: dict[str, Any] = json.loads(path.read_text())
    return said


def write_repeated(path: Path, sample: bytes, times: int) -> None:
    """Write a file that holds a sample ``times`` times."""
    with path.open("wb") as file:
        for _ in range(times):
            file.write(sample)


def checksum_repeated(sample: bytes, times: int) -> int:
    """Return the CRC-32 of a sample repeated ``times`` times."""
    return _checksum(sample for _ in range(times))


def checksum_of(*paths: Path) -> int:
    """Return the CRC-32 of files, one after the other, read in blocks."""
    return _checksum(block for path in paths for block in _blocks(path))


def _checksum(blocks: Iterable[bytes]) -> int:
    checksum = 0
    for block in blocks:
        checksum = zlib.crc32(block, checksum)
    return checksum


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            yield block
