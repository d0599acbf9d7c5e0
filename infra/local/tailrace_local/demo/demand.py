"""Generates demand data of any size, for training the demo's model and for scoring.

The rows are independent draws from one fixed shop (its catalogue, locations and effects never
change), so that a model trained on one seed scores every other. The columns:

- ``product_code``: one of 384 products, from 1062 in steps of 7; the earlier ones are drawn more
  often.
- ``product_category``, ``product_subcategory``: the product's group: 8 categories, 128
  subcategories.
- ``location_code``: one of 60 shops, from 110 in steps of 5.
- ``scaled_price``: the price as a share of the list price, nine decimals; lower when the homepage
  promotes.
- ``promotion_email``, ``promotion_homepage``: 0 or 1.
- ``timestamp``: a day from 2018-01-01 to 2021-12-31.
- ``unit_sales`` (with ``target=True``): units sold, the nearest whole number to the product of
  base(product) x size(location) x price^-elasticity(category) x 1.2 if promoted by e-mail x 1.35 if
  on the homepage x weekday(category) x season(category, day of the year) x 1.05 per year x noise,
  where the noise is the exponential of 0.18 times a nearly normal draw.

The same seed gives the same bytes for any number of rows, and planted rows (see `Demand`) do not
change the draws of the others. Memory does not grow with the size.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from tailrace_local.demo.sales_model import BLOCK_ROWS, build_shop, draw_block, uniform, unit_sales

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

COLUMNS = (
    "product_code",
    "product_category",
    "product_subcategory",
    "location_code",
    "scaled_price",
    "promotion_email",
    "promotion_homepage",
    "timestamp",
)
TARGET = "unit_sales"
_SIZE = re.compile(r"(\d+)\s*(|k|m|g|t)(i?)b?", re.IGNORECASE)


@dataclass(frozen=True)
class Demand:
    """The data to generate: `rows`, or as many as fit into `size_bytes`; exactly one of the two.

    The shares (0 to 1) plant difficult rows: `quoted` rows have a comma, doubled quotes and a
    newline in the subcategory; `bad` rows have a price that is not a number; `unknown` rows have a
    product and a category that no model has seen; `untidy` cells of numbers are as in a raw export:
    a third each with blanks around them, with `n/a` instead, and missing. `id_column` names an
    extra first column with the row's position, from 0.

    Raises:
        ValueError: the size is missing or given twice, or a number is out of its range.
    """

    rows: int | None = None
    size_bytes: int | None = None
    seed: int = 0
    header: bool = True
    target: bool = False
    crlf: bool = False
    id_column: str | None = None
    quoted: float = 0.0
    bad: float = 0.0
    unknown: float = 0.0
    untidy: float = 0.0

    def __post_init__(self) -> None:
        if (self.rows is None) == (self.size_bytes is None):
            raise ValueError("demand: give either a number of rows or a size in bytes")
        for name in ("rows", "size_bytes", "seed"):
            if (getattr(self, name) or 0) < 0:
                raise ValueError(f"demand: {name} is {getattr(self, name)}; it must not be negative")
        for name in ("quoted", "bad", "unknown", "untidy"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"demand: {name} is {getattr(self, name)}; a share lies between 0 and 1")


def chunks(demand: Demand) -> Iterator[bytes]:
    """Yield the CSV: the header, then pieces of at most `BLOCK_ROWS` whole records."""
    end = "\r\n" if demand.crlf else "\n"
    room = sys.maxsize if demand.size_bytes is None else demand.size_bytes
    rows = sys.maxsize if demand.rows is None else demand.rows
    if demand.header:
        names = (*((demand.id_column,) if demand.id_column else ()), *COLUMNS, *((TARGET,) if demand.target else ()))
        header = (",".join(names) + end).encode()
        if len(header) > room:
            return
        room -= len(header)
        yield header
    for block in itertools.count():
        wanted = rows - block * BLOCK_ROWS
        if wanted <= 0:
            return
        piece = "".join([line + end for line in _lines(demand, block)[:wanted]]).encode("ascii")
        if len(piece) > room:
            yield _cut(demand, block, room, end)
            return
        room -= len(piece)
        yield piece


def targets(seed: int, rows: int) -> NDArray[np.float64]:
    """Return the `unit_sales` of the first `rows` rows of a seed, an array of whole numbers."""
    blocks = range(-(-rows // BLOCK_ROWS))
    return np.concatenate([np.empty(0), *(unit_sales(draw_block(seed, block)) for block in blocks)])[:rows]


def write(demand: Demand, out: IO[bytes]) -> int:
    """Write the data to `out`; return the number of bytes."""
    return sum(out.write(piece) for piece in chunks(demand))


def _cut(demand: Demand, block: int, room: int, end: str) -> bytes:
    lines = [line + end for line in _lines(demand, block)]
    fits = itertools.takewhile(
        lambda pair: pair[1] <= room, zip(lines, itertools.accumulate(map(len, lines)), strict=True)
    )
    return "".join([line for line, _ in fits]).encode("ascii")


def _lines(demand: Demand, block: int) -> list[str]:
    draw, shop = draw_block(demand.seed, block), build_shop()
    cells = zip(
        draw.product.tolist(),
        draw.location.tolist(),
        draw.price.tolist(),
        draw.email.tolist(),
        draw.homepage.tolist(),
        draw.day.tolist(),
        strict=True,
    )
    products, locations, days = shop.products, shop.locations, shop.days
    lines = [f"{products[p]},{locations[at]},{price:.9f},{e},{h},{days[d]}" for p, at, price, e, h, d in cells]
    _plant(demand, block, lines)
    if demand.target:
        lines = [f"{line},{sold}" for line, sold in zip(lines, unit_sales(draw).astype(int).tolist(), strict=True)]
    if demand.untidy:
        lines = _untidied(demand, block, lines)
    if demand.id_column:
        lines = [f"{position},{line}" for position, line in enumerate(lines, block * BLOCK_ROWS)]
    return lines


def _plant(demand: Demand, block: int, lines: list[str]) -> None:
    """Change some lines in place.

    The random numbers come from a separate stream, so that other rows keep theirs.
    """
    if not (demand.quoted or demand.bad or demand.unknown):
        return
    quoted, bad, unknown = uniform([demand.seed, block, 1], 3) < [[demand.quoted], [demand.bad], [demand.unknown]]
    for at in np.flatnonzero(quoted | bad | unknown).tolist():
        cells = lines[at].split(",")
        if unknown[at]:
            cells[0], cells[1] = f"9{cells[0]}", f"New {cells[1]}"
        if quoted[at]:
            cells[2] = f'"{cells[2]}, ""special""\nedition"'
        if bad[at]:
            cells[4] = "n/a"
        lines[at] = ",".join(cells)


def _untidied(demand: Demand, block: int, lines: list[str]) -> list[str]:
    """Return lines whose numbers are as in a raw export, by random numbers of their own."""
    numbers = [-5, -4, -3, -1] if demand.target else [-4, -3, -2]  # counted from the end: a text may hold commas
    draws = uniform([demand.seed, block, 2], len(numbers), len(lines)) / demand.untidy
    made = []
    for line, chosen in zip(lines, draws.T.tolist(), strict=True):
        cells = line.split(",")
        for at, draw in zip(numbers, chosen, strict=True):
            if draw < 1:
                cells[at] = (f"  {cells[at]} ", "n/a", "")[int(draw * 3)]
        made.append(",".join(cells))
    return made


def _size(text: str) -> int:
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a size; write a number of bytes, or a size such as 64MB or 1GiB"
        )
    unit: int = (1024 if match[3] else 1000) ** ("", "k", "m", "g", "t").index(match[2].lower())
    return int(match[1]) * unit


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tailrace_local.demo.demand", description="Writes demand data as CSV."
    )
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--rows", type=int, help="number of rows")
    length.add_argument("--size", type=_size, dest="size_bytes", help="as many whole rows as fit (64MB, 1GiB)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same rows (default 0)")
    parser.add_argument("--output", required=True, help="a file, or - for standard output")
    parser.add_argument("--no-header", action="store_false", dest="header", help="write no header")
    parser.add_argument("--with-target", action="store_true", dest="target", help=f"add the column {TARGET}")
    parser.add_argument("--crlf", action="store_true", help="end lines with CR LF")
    parser.add_argument("--id-column", metavar="NAME", help="add a first column with the row's position, from 0")
    for name, what in (
        ("quoted", "have a comma, quotes and a newline in a field"),
        ("bad", "have a price that is not a number"),
        ("unknown", "have an unknown product and category"),
        ("untidy", "have, in each column of numbers, blanks around it, n/a, or nothing"),
    ):
        parser.add_argument(f"--{name}", type=float, default=0.0, metavar="SHARE", help=f"share of rows that {what}")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code. A reader that closes the pipe early is no error."""
    arguments = vars(_arguments(argv))
    output: str = arguments.pop("output")
    try:
        demand = Demand(**arguments)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    with ExitStack() as stack:
        out = sys.stdout.buffer if output == "-" else stack.enter_context(Path(output).open("wb"))
        try:
            write(demand, out)
            out.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the flush at exit fails again
    return 0


if __name__ == "__main__":
    sys.exit(main())
