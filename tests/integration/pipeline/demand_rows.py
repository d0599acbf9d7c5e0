"""Rows for the demo's model, with any text of a CSV, and the model's direct predictions."""

from __future__ import annotations

import csv
import io
import random
import urllib.request
from collections.abc import Iterable, Sequence

from tailrace_local.demo.demand import COLUMNS

Row = list[str]

AWKWARD = ("Juice, Mango", 'so-called "Juice"', "Juice\nMango", "Juice\r\nMango", "果汁 🥭🧃", '"', "", " Juice ")


def demand_rows(count: int, seed: int = 0, *, awkward: bool = False) -> list[Row]:
    """Generate ``count`` rows; ``awkward`` adds texts that only a reader of RFC 4180 parses."""
    source = random.Random(seed)
    return [
        [
            str(1062 + 7 * source.randrange(384)),
            source.choice(("Beverages", "Bakery", "Dairy", "Never Seen")),
            source.choice(AWKWARD) if awkward else f"Fruit Juice {source.randrange(9)}",
            str(110 + 5 * source.randrange(60)),
            f"{source.uniform(0.5, 1.5):.9f}",
            str(source.randrange(2)),
            str(source.randrange(2)),
            f"20{source.randrange(18, 22)}-{source.randrange(1, 13):02d}-{source.randrange(1, 29):02d}",
        ]
        for _ in range(count)
    ]


def csv_bytes(rows: Iterable[Sequence[str]], *, header: Sequence[str] | None = COLUMNS, end: str = "\n") -> bytes:
    """Return the rows as a CSV file."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=end)
    if header is not None:
        writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


def ask_model(model_url: str, rows: Sequence[Row]) -> list[str]:
    """Return the model server's direct predictions, one a row."""
    answers: list[str] = []
    for start in range(0, len(rows), 1000):
        body = csv_bytes(rows[start : start + 1000], header=None)
        request = urllib.request.Request(  # noqa: S310  the address is the local cloud's
            f"{model_url}/invocations", data=body, headers={"Content-Type": "text/csv"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            answers += answer.read().decode().splitlines()
    assert len(answers) == len(rows)
    return answers


def read_csv(content: bytes) -> list[Row]:
    """Return the records of a CSV file."""
    return list(csv.reader(io.StringIO(content.decode(), newline="")))
