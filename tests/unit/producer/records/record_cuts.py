"""The property of cutting: the records are those of ``csv.reader``, and joined they are the input.

``python -m tests.unit.producer.records.record_cuts 1000000 SEED`` tries it on that many random
texts, which is much faster than drawing them with Hypothesis.
"""

from __future__ import annotations

import csv
import random
import sys
from collections.abc import Iterable
from itertools import pairwise

from tailrace.records.cutting import Limits, cut
from tailrace.records.preflight import Preflight
from tests.unit.csv_texts import ATOMS, csv_rows

SCAN_BYTES = (1, 2, 3, 7, 64, 1000)
_SCAN_WEIGHTS = (1, 1, 1, 5, 40, 52)
_MAX_ATOMS = 40
_WITHOUT_RETURN = 0.5
_MAX_BLOCKS = 4


def check_records(whole: bytes, blocks: Iterable[bytes], scan_bytes: int) -> bool:
    """Cut ``whole``, which comes in ``blocks``, and require the property.

    Return False if readers disagree about the text: it then has a row that the pre-flight rejects.
    """
    records = [each.data for each in cut(blocks, Limits(rows=1, size_bytes=1000), scan_bytes=scan_bytes)]
    assert b"".join(records) == whole
    try:
        rows = csv_rows(whole)
    except csv.Error:
        # A lone carriage return outside of quotes.
        preflight = Preflight(1)
        assert any(preflight.reason(record) is not None for record in records), whole
        return False
    assert records == [record for record, _ in rows], whole
    return True


def _random_bytes(source: random.Random) -> bytes:
    atoms = source.choices(ATOMS, k=source.randrange(_MAX_ATOMS))
    # A lone carriage return spoils the comparison of a whole text, so half of the texts have none.
    if source.random() < _WITHOUT_RETURN:
        atoms = [atom for atom in atoms if atom != b"\r"]
    return b"".join(atoms)


def main(examples: int, seed: int) -> None:
    """Try the property on ``examples`` random texts, and print how many were compared."""
    source = random.Random(seed)
    compared = 0
    for _ in range(examples):
        whole = _random_bytes(source)
        borders = sorted(source.choices(range(len(whole) + 1), k=source.randrange(_MAX_BLOCKS)))
        blocks = [whole[start:stop] for start, stop in pairwise([0, *borders, len(whole)])]
        (scan_bytes,) = source.choices(SCAN_BYTES, _SCAN_WEIGHTS)
        compared += check_records(whole, blocks, scan_bytes)
    print(f"{examples} texts: {compared} cut as csv.reader reads them, {examples - compared} with a row to reject")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
