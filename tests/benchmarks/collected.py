"""What is collected: an output and the kept columns beside it, by the names that service and server know them by."""

from __future__ import annotations

BUCKET = "bench"
JOB_ID = "01JD0000000000000000000000"
OUTPUT_KEY = "v1/outputs/bench.out"
COLUMNS = ("order", "place", "name", "price", "day")


def kept_key(rows: int, first_row: int = 0) -> str:
    """As `tailrace_core.objects.keys` has it; this side imports nothing large."""
    return f"v1/jobs/{JOB_ID}/kept/{first_row:012d}-{rows}.csv"


def output_key(rows: int) -> str:
    """Of all chunks with so many rows."""
    return f"v1/outputs/bench-{rows}.out"
