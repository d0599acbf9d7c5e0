"""Drawn raw tables, and what a recipe makes of them by Python's `csv` and `decimal`."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from statistics import median
from typing import Any

from hypothesis import strategies as st

NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
WHITE_SPACE = "".join(chr(each) for each in range(0x3001) if chr(each).isspace() and not 0x1C <= each <= 0x1F)
"""Unicode's White_Space; Python's `str.strip` also takes the separators of ASCII for blanks."""
INFINITE = re.compile(r"[+-]?(?:inf|infinity|nan)", re.IGNORECASE)

NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.decimals(-1000, 1000, places=2).map(str),
    st.sampled_from(
        ["0", "-0", "+1", "1.", ".5", "1e3", "1E-3", "00012", "1e-400", "0.1000000000000000055511151231257827"]
    ),
)
HARD = st.sampled_from(
    ["", " ", "n/a", "NA", "nan", "inf", "-Infinity", "1e400", "1,000", "1_000", "0x10", "\uff11", "1e", "--1", "1 2",
     "\u0663", "a,b", 'say "hi"', "two\nlines", "é", "-", ".", "\t", "x" * 70, "''", "#", "\x01\x02", "\x1f"]
)  # fmt: skip
BLANKS = st.sampled_from(["", "", " ", "  ", "\t", "\u00a0"])
CELLS = st.tuples(BLANKS, st.one_of(NUMBERS, NUMBERS, HARD), BLANKS).map("".join)


def quoted(text: str, *, always: bool) -> str:
    needs = always or any(mark in text for mark in ',"\n\r')
    return '"' + text.replace('"', '""') + '"' if needs else text


@st.composite
def raw_cells(draw: st.DrawFn) -> tuple[str, str]:
    """Return a cell as it is written and its content."""
    text = draw(CELLS)
    return quoted(text, always=draw(st.booleans())), text


@st.composite
def recipes(draw: st.DrawFn, columns: list[str]) -> dict[str, Any]:
    """Return a recipe for some columns as a mapping."""
    chosen = {}
    for column in draw(st.lists(st.sampled_from(columns), unique=True)):
        steps: dict[str, Any] = {"strip": draw(st.booleans())}
        if draw(st.booleans()):
            steps["na"] = draw(st.lists(st.sampled_from(["n/a", "NA", "-"]), unique=True))
        if draw(st.booleans()):
            steps |= {
                "to": "number",
                "on_error": draw(st.sampled_from(["null", "reject"])),
                "finite": draw(st.booleans()),
            }
        fills = ["mode", "0", 7] + (["median"] if "to" in steps else ["x, y", 'q"'])
        kind = draw(st.sampled_from(["fill", "drop", "leave"]))
        if kind == "fill":
            steps["fill"] = draw(st.sampled_from(fills))
        elif kind == "drop":
            steps["drop_if_null"] = True
        chosen[column] = steps
    recipe: dict[str, Any] = {"columns": chosen}
    if draw(st.booleans()):
        recipe["select"] = draw(st.permutations(columns).map(lambda names: names[: max(1, len(names) - 1)]))
    return recipe


@dataclass
class Expected:
    """What a recipe makes of a table: records of raw cells, rejected rows, counts, fills."""

    records: list[list[str]] = field(default_factory=list)
    rejected: list[int] = field(default_factory=list)
    dropped: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    filled: Counter[str] = field(default_factory=Counter)
    fills: dict[str, str] = field(default_factory=dict)
    unfit: str | None = None
    """A column whose fill value cannot be computed."""


def number_of(text: str, *, finite: bool) -> float | None:
    """Return a number, or None for a text that is none."""
    if NUMBER.fullmatch(text):
        value = float(Decimal(text)) if abs(Decimal(text).adjusted()) < 5000 else float(text)
        return value if math.isfinite(value) or not finite else None
    return float(text) if INFINITE.fullmatch(text) and not finite else None


def expect(columns: list[str], rows: list[list[tuple[str, str]]], recipe: dict[str, Any]) -> Expected:
    """Prepare a table cell by cell."""
    found = Expected()
    steps = recipe["columns"]
    kept: list[list[tuple[str, str, str | None, float | None]]] = []
    for number, row in enumerate(rows):
        cells: list[tuple[str, str, str | None, float | None]] = []
        reject = drop = False
        for column, (raw, content) in zip(columns, row, strict=True):
            wish = steps.get(column)
            if wish is None:
                cells.append((raw, content, content, None))
                continue
            text: str | None = content.strip(WHITE_SPACE) if wish["strip"] else content
            value = None
            if text == "" or text in wish.get("na", ()):
                found.missing[column] += 1
                text = None
            elif "to" in wish:
                value = number_of(str(text), finite=wish["finite"])
                if value is None:
                    found.wrong[column] += 1
                    reject |= wish["on_error"] == "reject"
                    text = None
            drop |= text is None and wish.get("drop_if_null", False)
            cells.append((raw, content, text, value))
        if reject:
            found.rejected.append(number)
        elif drop:
            found.dropped += 1
        else:
            kept.append(cells)
    _fit(found, columns, kept, steps)
    if found.unfit is None:
        _write(found, columns, kept, recipe)
    return found


def _fit(found: Expected, columns: list[str], kept: list[Any], steps: dict[str, Any]) -> None:
    for place, column in enumerate(columns):
        fill = steps.get(column, {}).get("fill")
        if fill not in {"median", "mode"}:
            continue
        numeric = "to" in steps[column]
        present = [cells[place] for cells in kept if cells[place][2] is not None]
        values = [each[3] if numeric else each[2] for each in present]
        values = [each for each in values if numeric is False or not math.isnan(each)]
        if not values:
            found.unfit = column
            return
        if fill == "median":
            value: Any = median(values)
            if math.isnan(value):  # between -inf and inf
                found.unfit = column
                return
        else:
            counts = Counter(values)
            value = min(each for each, times in counts.items() if times == max(counts.values()))
        found.fills[column] = value


def _write(found: Expected, columns: list[str], kept: list[Any], recipe: dict[str, Any]) -> None:
    written = recipe.get("select", columns)
    for cells in kept:
        record = {}
        for column, (raw, content, text, _) in zip(columns, cells, strict=True):
            wish = recipe["columns"].get(column, {})
            if text is None and "fill" in wish:
                found.filled[column] += 1
                record[column] = quoted(text_of(found.fills.get(column, wish["fill"])), always=False)
            elif text is None:
                record[column] = raw if content == "" else ""
            else:
                record[column] = raw if text == content else quoted(text, always=False)
        line = [record[column] for column in written]
        found.records.append(['""'] if line == [""] else line)


def text_of(value: Any) -> str:
    """Return a fill value as it is written."""
    if not isinstance(value, float):
        return str(value)
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def contents(data: bytes) -> list[list[str]]:
    """Return the fields of a CSV as Python reads them."""
    return list(csv.reader(io.StringIO(data.decode(), newline="")))
