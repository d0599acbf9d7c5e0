"""Inputs: tables of ten columns, of numbers or of words.

A file repeats a sample of rows. ``numeric`` has numbers; ``text`` has words in UTF-8, and a fifth
of its fields is quoted and holds a newline, a comma and doubled quotes.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.benchmarks.file_cache import cached_facts, checksum_repeated, write_repeated

COLUMNS = 10
_SAMPLE_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Input:
    """A file and the facts that a reader must find; checksums are CRC-32."""

    path: str
    size_bytes: int
    rows: int
    newlines: int
    checksum: int
    first_checksum: int
    """Checksum of the first column alone, a line for each row."""
    others_checksum: int
    """Checksum of the file without its first column."""


def cached(kind: str, size_bytes: int) -> Input:
    """Return the cached file of about that size."""
    return Input(**cached_facts(__name__, kind, str(size_bytes)))


def main(kind: str, size_bytes: int, path: Path) -> None:
    """Write a file and, when it is complete, the facts about it."""
    field = {"numeric": _number, "text": _words}[kind]
    randomness = random.Random(7)
    typical = len(_lines([[field(randomness) for _ in range(COLUMNS)]]))
    sample_rows = min(_SAMPLE_ROWS, max(1, size_bytes // typical))
    rows = [[field(randomness) for _ in range(COLUMNS)] for _ in range(sample_rows)]
    sample = _lines(rows)
    repeats = max(1, round(size_bytes / len(sample)))
    data = path.with_suffix(".csv")
    write_repeated(data, sample, repeats)
    input_ = Input(
        path=str(data),
        size_bytes=len(sample) * repeats,
        rows=sample_rows * repeats,
        newlines=sample.count(b"\n") * repeats,
        checksum=checksum_repeated(sample, repeats),
        first_checksum=checksum_repeated(_lines([row[:1] for row in rows]), repeats),
        others_checksum=checksum_repeated(_lines([row[1:] for row in rows]), repeats),
    )
    path.write_text(json.dumps(asdict(input_)))


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    return "".join(",".join(row) + "\n" for row in rows).encode()


def _number(randomness: random.Random) -> str:
    return f"{randomness.uniform(-1000, 1000):.4f}"


def _words(randomness: random.Random) -> str:
    words = " ".join(randomness.choices(("river", "wheel", "größe", "mill", "water"), k=3))
    return f'"{words},\nand ""more"""' if randomness.random() < 1 / 5 else words


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
