"""Inputs: raw tables of numbers, with blanks around them, ``n/a``, and missing cells.

A file repeats a sample of rows. The facts are the checksums of what a preparation has to write.
"""

from __future__ import annotations

import json
import random
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from tests.benchmarks.file_cache import cached_facts, checksum_repeated, write_repeated

COLUMNS = 10
_SAMPLE_ROWS = 20_001


@dataclass(frozen=True, slots=True)
class RawTable:
    """A file and the CRC-32 checksums of its prepared rows, without a header."""

    path: str
    size_bytes: int
    rows: int
    filled_with_zero: int
    filled_with_median: int


def cached(size_bytes: int) -> RawTable:
    """Return the cached file of about that size."""
    return RawTable(**cached_facts(__name__, str(size_bytes)))


def main(size_bytes: int, path: Path) -> None:
    """Write a file and, when it is complete, the facts about it."""
    randomness = random.Random(7)
    typical = 11 * COLUMNS
    sample_rows = min(_SAMPLE_ROWS, max(3, size_bytes // typical))
    numbers = [[_number(randomness) for _ in range(COLUMNS)] for _ in range(sample_rows)]
    raw = "".join(",".join(_raw(text, randomness) for text in row) + "\n" for row in numbers).encode()
    repeats = max(1, round(size_bytes / len(raw)))
    data = path.with_suffix(".csv")
    write_repeated(data, raw, repeats)
    medians = [repr(median(float(row[place]) for row in numbers if row[place])) for place in range(COLUMNS)]
    facts = RawTable(
        path=str(data),
        size_bytes=len(raw) * repeats,
        rows=sample_rows * repeats,
        filled_with_zero=checksum_repeated(_prepared(numbers, ["0.0"] * COLUMNS), repeats),
        filled_with_median=checksum_repeated(_prepared(numbers, medians), repeats),
    )
    path.write_text(json.dumps(asdict(facts)))


def _number(randomness: random.Random) -> str:
    """Return the shortest text of a float, which is never a whole number; nothing for 2 of 100."""
    if randomness.random() < 1 / 50:
        return ""
    return f"{randomness.randint(-999, 999)}.{randomness.randint(1, 999):03d}{randomness.randint(1, 9)}"


def _raw(text: str, randomness: random.Random) -> str:
    if not text:
        return randomness.choice(("", " ", "n/a"))
    return f" {text} " if randomness.random() < 1 / 4 else text


def _prepared(numbers: list[list[str]], fills: list[str]) -> bytes:
    filled = (",".join(text or fill for text, fill in zip(row, fills, strict=True)) + "\n" for row in numbers)
    return "".join(filled).encode()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
