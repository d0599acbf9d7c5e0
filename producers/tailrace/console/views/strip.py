"""The strip of a job: all of its rows in order, by the state of their chunks, merged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tailrace_core.jobs.model import Chunk, ChunkState

WIDTH = 1_000
"""Width of the strip in units of the picture."""
MIN_WIDTH = 4.0
"""Smallest width of a range that needs attention: one row of a million must be seen."""
_ATTENTION = frozenset({"parked", "rejected"})
KINDS = ("scored", "in flight", "retrying", "parked", "rejected", "waiting", "cancelled", "not read")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive rows in one state."""

    first_row: int
    rows: int
    kind: str
    """One of `KINDS`."""
    chunks: int = 1

    @property
    def end(self) -> int:
        """The row after the last."""
        return self.first_row + self.rows


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle of the picture."""

    x: float
    width: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Strip:
    """The strip as a picture, and as numbers."""

    stretches: tuple[Stretch, ...]
    bars: tuple[Bar, ...]
    rows_by_kind: tuple[tuple[str, int], ...]
    rows: int


def kind_of(chunk: Chunk) -> str:
    """Return the kind of a chunk that owns its rows."""
    if chunk.state is not ChunkState.OPEN:
        return str(chunk.state)
    if chunk.parked:
        return "parked"
    if chunk.waiting:
        return "waiting"
    return "retrying" if chunk.retry is not None else "in flight"


def strip(chunks: Iterable[Chunk], rows_total: int | None, *, complete: bool = True) -> Strip:
    """Return the strip of a job's chunks; rows that no chunk was read for are ``not read``."""
    leaves = sorted((each for each in chunks if each.state.leaf), key=lambda each: each.range.first_row)
    stretches = _merged(leaves)
    end = max([each.end for each in stretches], default=0)
    rows = max(rows_total or 0, end)
    if rows > end:
        stretches.append(Stretch(end, rows - end, "not read" if not complete else "waiting", 0))
    by_kind = {kind: sum(each.rows for each in stretches if each.kind == kind) for kind in KINDS}
    return Strip(
        stretches=tuple(stretches),
        bars=tuple(_bars(stretches, rows)),
        rows_by_kind=tuple((kind, count) for kind, count in by_kind.items() if count),
        rows=rows,
    )


def _merged(leaves: Sequence[Chunk]) -> list[Stretch]:
    found: list[Stretch] = []
    for chunk in leaves:
        kind, rows = kind_of(chunk), chunk.range
        end = found[-1].end if found else 0
        if end < rows.first_row:
            found.append(Stretch(end, rows.first_row - end, "not read", 0))
        last = found[-1] if found else None
        if last is not None and last.kind == kind and last.end == rows.first_row:
            found[-1] = Stretch(last.first_row, last.rows + rows.rows, kind, last.chunks + 1)
        else:
            found.append(Stretch(rows.first_row, rows.rows, kind))
    return found


def _bars(stretches: Sequence[Stretch], rows: int) -> list[Bar]:
    """Draw what needs attention last, wide enough to be seen; merge what is below a pixel."""
    if not rows:
        return []
    plain: list[Bar] = []
    urgent: list[Bar] = []
    for each in stretches:
        x, width = WIDTH * each.first_row / rows, WIDTH * each.rows / rows
        title = f"rows {each.first_row:,} to {each.end - 1:,}: {each.kind}"
        if each.kind in _ATTENTION:
            wide = max(width, MIN_WIDTH)
            bar = Bar(min(x, WIDTH - wide), wide, each.kind, title)
            if urgent and urgent[-1].kind == each.kind and bar.x < urgent[-1].x + urgent[-1].width:
                last = urgent.pop()
                bar = Bar(last.x, bar.x + bar.width - last.x, each.kind, f"{each.kind} rows")
            urgent.append(bar)
        elif plain and plain[-1].kind == each.kind and x - (plain[-1].x + plain[-1].width) < 1:
            last = plain.pop()
            plain.append(Bar(last.x, x + width - last.x, each.kind, f"{each.kind} rows"))
        else:
            plain.append(Bar(x, width, each.kind, title))
    return [*plain, *urgent]
