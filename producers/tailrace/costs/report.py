"""The cost report: the tables of ``python -m tailrace.costs``, in Markdown."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tailrace.costs.cost_model import Line, Workload, resting_costs, scoring_costs
from tailrace.costs.free_tier import FREE_TIERS, NONE, FreeTier
from tailrace.costs.prices import PRICES, Prices
from tailrace_core.errors import InputError


def resting_table(prices: Prices, free: FreeTier) -> str:
    """Return the table of a month at rest: list prices and, where there is a free tier, the costs beyond it."""
    title = "at rest, a month"
    if free == NONE:
        return table(title, resting_costs(prices), prices.currency)
    pairs = list(zip(resting_costs(prices), resting_costs(prices, free=free), strict=True))
    rows = [f"| {item} | {amount} | {cost:.4f} | {left:.4f} |" for (item, amount, cost), (*_, left) in pairs]
    sums = [sum(cost for *_, cost in lines) for lines in zip(*pairs, strict=True)]
    return "\n".join(
        (
            f"| {title} | amount | {prices.currency}, list | {prices.currency}, beyond the free tier |",
            "| --- | --- | ---: | ---: |",
            *rows,
            f"| **{title}** | | **{sums[0]:.2f}** | **{sums[1]:.2f}** |",
            f"| **without `Monitoring`** | | **{_bare(prices, NONE):.2f}** | **{_bare(prices, free):.2f}** |",
        )
    )


def _bare(prices: Prices, free: FreeTier) -> float:
    return sum(cost for *_, cost in resting_costs(prices, monitoring=False, free=free))


def table(title: str, lines: Iterator[Line], currency: str) -> str:
    """Return a Markdown table of the lines and their sum."""
    found = list(lines)
    rows = [f"| {item} | {amount} | {cost:.4f} |" for item, amount, cost in found]
    total = f"| **{title}** | | **{sum(cost for *_, cost in found):.2f}** |"
    return "\n".join((f"| {title} | amount | {currency} |", "| --- | --- | ---: |", *rows, total))


def report(prices: Prices, work: Workload) -> str:
    """Print what a stack costs at rest for a month, and what scoring a number of rows costs, in one region."""
    rest = resting_table(prices, FREE_TIERS.get(prices.region, NONE))
    busy = table(f"{work.rows:,} rows", scoring_costs(work, prices), prices.currency)
    return f"{prices.region}, prices of {prices.as_of}\n\n{rest}\n\n{busy}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; return 2 when the prices cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m tailrace.costs", description=report.__doc__)
    parser.add_argument(
        "--region", choices=sorted(PRICES), default="eu-west-1", help="region of the prices (default: %(default)s)"
    )
    parser.add_argument("--prices", type=Path, metavar="FILE", help="JSON file of your own prices, instead of --region")
    parser.add_argument("--rows", type=int, default=Workload.rows, help="rows to score (default: %(default)s)")
    parser.add_argument(
        "--row-bytes",
        type=int,
        default=Workload.row_bytes,
        help="bytes of a row that are sent or kept (default: %(default)s)",
    )
    parser.add_argument(
        "--rows-per-second",
        type=float,
        default=Workload.rows_per_second,
        help="rows that one instance scores per second (default: %(default)s)",
    )
    asked = parser.parse_args(arguments)
    try:
        prices = Prices.read(asked.prices) if asked.prices else PRICES[asked.region]
    except InputError as exc:
        sys.stderr.write(f"{exc}\n")
        return 2
    work = Workload(rows=asked.rows, row_bytes=asked.row_bytes, rows_per_second=asked.rows_per_second)
    sys.stdout.write(report(prices, work) + "\n")
    return 0
