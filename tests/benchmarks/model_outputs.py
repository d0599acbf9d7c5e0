"""Outputs of a model: the predictions of many rows, and the kept columns of the same rows."""

from __future__ import annotations

import json
import random
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.benchmarks.file_cache import cached_facts, checksum_repeated, write_repeated

_SAMPLE_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class ModelOutputs:
    """Two files of a line for each row, and the CRC-32 of their lines joined."""

    predictions: str
    kept: str
    rows: int
    part_checksum: int


def cached(rows: int) -> ModelOutputs:
    """Return the cached files of about ``rows`` rows.

    Each has 20 bytes of prediction and about 95 of kept columns.
    """
    return ModelOutputs(**cached_facts(__name__, str(rows)))


def main(rows: int, path: Path) -> None:
    """Write the files and, when they are complete, the facts about them."""
    randomness = random.Random(11)
    sample_rows = min(_SAMPLE_ROWS, rows)
    repeats = rows // sample_rows
    kept = [_kept(randomness) for _ in range(sample_rows)]
    predictions = [f"{randomness.random():.17f}" for _ in range(sample_rows)]
    files = path.with_suffix(".predictions.csv"), path.with_suffix(".kept.csv")
    for file, lines in zip(files, (predictions, kept), strict=True):
        write_repeated(file, _text(lines), repeats)
    part = _text([f"{left},{right}" for left, right in zip(kept, predictions, strict=True)])
    answers = ModelOutputs(
        predictions=str(files[0]),
        kept=str(files[1]),
        rows=sample_rows * repeats,
        part_checksum=checksum_repeated(part, repeats),
    )
    path.write_text(json.dumps(asdict(answers)))


def _kept(randomness: random.Random) -> str:
    name = "".join(randomness.choices("abcdefgh ", k=randomness.randrange(30, 80)))
    order, price, day = randomness.randrange(10**12), randomness.uniform(0, 1e6), randomness.randrange(1, 29)
    return f"{order:012d},{randomness.choice(('north', 'south'))},{name},{price:.2f},2026-01-{day:02d}"


def _text(lines: list[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
