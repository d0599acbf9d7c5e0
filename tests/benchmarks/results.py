"""Results: ratios with their bars, as ``results.json`` and as a table for people."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.contests import Benchmark, Figure
from tests.benchmarks.file_cache import FOLDER
from tests.benchmarks.processes import ROOT
from tests.benchmarks.rounds import Medians

PATH = Path(__file__).with_name("results.json")
QUICK_PATH = FOLDER / "quick-results.json"
"""Results of quick runs, which must not replace those of a full run."""
_DIGITS = 4
_QUICK = f"""
A quick run: a tenth of the work. The bars are the full run's. Here what does not grow with the work (a command's start,
Python's memory) weighs ten times as much, and few rounds swing: what is beyond its bar here may well keep it there.
Written to {QUICK_PATH.relative_to(ROOT)}; {PATH.relative_to(ROOT)}, which a full run writes, is as it was."""


@dataclass(frozen=True, slots=True)
class Result:
    """One ratio as measured. ``theirs`` is a limit when there is no other contestant."""

    name: str
    ratio: float
    bar: float
    holds: bool
    ours: float
    theirs: float
    unit: str
    note: str


def results(benchmark: Benchmark, measured: Medians) -> list[Result]:
    """Return the ratios of a benchmark, in its order."""
    return [
        Result(
            name=each.name,
            ratio=_rounded(ours / theirs),
            bar=each.bar,
            holds=each.holds(ours / theirs),
            ours=_rounded(ours),
            theirs=_rounded(theirs),
            unit=each.unit,
            note=each.note,
        )
        for each in benchmark.ratios
        for ours, theirs in [(_value(each.ours, measured), _value(each.theirs, measured))]
    ]


def machine(*, quick: bool) -> dict[str, Any]:
    """Return the facts about the machine and the run."""
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "architecture": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "quick": quick,
    }


def merged(found: Iterable[Result], before: dict[str, Any], machine: dict[str, Any]) -> dict[str, Any]:
    """Return the document.

    New results replace those of the same machine ``before``; others stay.
    """
    rows = {row["name"]: row for row in before.get("ratios", ())} if before.get("machine") == machine else {}
    rows |= {each.name: asdict(each) for each in found}
    return {"machine": machine, "ratios": list(rows.values())}


def read(path: Path) -> dict[str, Any]:
    """Return the document; empty when there is none."""
    return dict(json.loads(path.read_text())) if path.exists() else {}


def write(document: dict[str, Any], path: Path) -> None:
    """Replace the document."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def table(found: Sequence[Result], *, quick: bool) -> str:
    """Return the results as a table.

    A quick run marks none as missed: the bars are the full run's.
    """
    lines = [
        (
            "" if each.holds else "beyond" if quick else "missed",
            *(f"{figure:.4g}" for figure in (each.ratio, each.bar, each.ours, each.theirs)),
            each.unit,
            f"{each.name} ({each.note})",
        )
        for each in found
    ]
    rows = [("", "ratio", "bar", "ours", "theirs", "", ""), *lines]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    shown = ["  ".join((*map(str.rjust, row[:-1], widths), row[-1])).rstrip() for row in rows]
    return "\n".join([*shown, *([_QUICK] if quick else [])])


def _value(figure: Figure | float, measured: Medians) -> float:
    if isinstance(figure, Figure):
        return min(measured[contestant][figure.name] for contestant in figure.contestants)
    return figure


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
