"""Input files, written once and kept in ``.tailrace/bench``, with what is known of them.

A file repeats a sample of rows. ``numeric`` has numbers, ``text`` has words in UTF-8 of which a fifth of the fields is
quoted and holds a newline, a comma and doubled quotes.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.benchmarks.processes import ROOT

FOLDER = ROOT / ".tailrace/bench"
COLUMNS = 10
KEPT = 1
"""So many leading columns are split off by what splits columns off."""
_SAMPLE_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Input:
    """A file, and what anybody who reads it must find; checksums are CRC-32."""

    path: str
    size_bytes: int
    rows: int
    newlines: int
    checksum: int
    kept_checksum: int
    """Of the leading columns alone, a line for each row."""
    sent_checksum: int
    """Of the file without them."""


def written(kind: str, size_bytes: int) -> Input:
    """The file of about that size; a process of its own writes it, so that this one stays small."""
    path = FOLDER / f"{kind}-{size_bytes}.csv"
    known = path.with_suffix(".json")
    if not known.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", __name__, kind, str(size_bytes), str(path)], check=True, cwd=ROOT)
    return Input(**json.loads(known.read_text()))


def main(kind: str, size_bytes: int, path: Path) -> None:
    """Write a file and, when it is complete, what is known of it."""
    field = {"numeric": _number, "text": _words}[kind]
    randomness = random.Random(7)
    typical = len(_record(field, randomness))
    sample_rows = min(_SAMPLE_ROWS, max(1, size_bytes // typical))
    rows = [[field(randomness) for _ in range(COLUMNS)] for _ in range(sample_rows)]
    sample = _lines(rows)
    repeats = max(1, round(size_bytes / len(sample)))
    with path.open("wb") as file:
        for _ in range(repeats):
            file.write(sample)
    known = Input(
        path=str(path),
        size_bytes=len(sample) * repeats,
        rows=sample_rows * repeats,
        newlines=sample.count(b"\n") * repeats,
        checksum=_repeated(sample, repeats),
        kept_checksum=_repeated(_lines([row[:KEPT] for row in rows]), repeats),
        sent_checksum=_repeated(_lines([row[KEPT:] for row in rows]), repeats),
    )
    path.with_suffix(".json").write_text(json.dumps(asdict(known)))


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    return "".join(",".join(row) + "\n" for row in rows).encode()


def _record(field: Callable[[random.Random], str], randomness: random.Random) -> bytes:
    return _lines([[field(randomness) for _ in range(COLUMNS)]])


def _repeated(sample: bytes, repeats: int) -> int:
    checksum = 0
    for _ in range(repeats):
        checksum = zlib.crc32(sample, checksum)
    return checksum


def _number(randomness: random.Random) -> str:
    return f"{randomness.uniform(-1000, 1000):.4f}"


def _words(randomness: random.Random) -> str:
    words = " ".join(randomness.choices(("river", "wheel", "größe", "mill", "water"), k=3))
    return f'"{words},\nand ""more"""' if randomness.random() < 1 / 5 else words


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
