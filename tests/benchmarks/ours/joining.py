"""Joins predictions with kept columns as CollectResults does, with its checks and the checksum."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from tailrace_consumers.adapters.s3_object_store import BLOCK_BYTES
from tailrace_core.answers.reader import ExpectedPredictions, align_predictions
from tailrace_core.objects.checksums import Checksum
from tailrace_core.parts.joining import join_lines, kept_lines
from tests.benchmarks.report import report


def blocks(path: str) -> Iterator[bytes]:
    """Yield a file in blocks as large as those read from S3."""
    with Path(path).open("rb", buffering=0) as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def join(predictions: str, kept: str, rows: str, part: str) -> str:
    """Write the part and return its checksum."""
    count = int(rows)
    checksum = Checksum()
    proved = align_predictions(blocks(predictions), ExpectedPredictions(count))
    with Path(part).open("wb") as file:
        for block in join_lines(proved, kept_lines(blocks(kept), count, kept)):
            checksum.update(block)
            file.write(block)
    return str(checksum)


if __name__ == "__main__":
    report(lambda: join(*sys.argv[1:]))
