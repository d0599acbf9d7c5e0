"""The figures of a job's report, computed from its data: times, bins and groups, all bounded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tailrace.costs.cost_model import Line, handling_costs
from tailrace.costs.prices import Prices
from tailrace_core.jobs.model import ChunkState
from tailrace_core.jobs.reasons import cause_of, lead
from tailrace_core.messages.manifest import ManifestPart

BINS = 120
"""Cells of the strip of row ranges, and most points of the line of settled rows."""
SLOWEST = 20
REASONS = 20
EXAMPLES = 3
_STATES = ("scored", "rejected", "cancelled")


@dataclass(frozen=True, slots=True)
class Timing:
    """Times of a part in seconds; None where a moment was not recorded."""

    part: ManifestPart
    total_s: float
    waited_s: float | None
    """From the invocation until the service took the request, by its own account."""
    model_s: float | None
    """In the service's queue and in the model."""
    settled_s: float | None
    """From the answer until the rows were settled."""


def slowest(parts: Sequence[ManifestPart]) -> list[Timing]:
    """Return the parts that took the longest from invocation to settling, slowest first."""
    timed = [each for each in map(_timing, parts) if each is not None]
    return sorted(timed, key=lambda each: (-each.total_s, each.part.first_row))[:SLOWEST]


def _timing(part: ManifestPart) -> Timing | None:
    total = _between(part.invoked_at, part.settled_at)
    if total is None:
        return None
    waited, model = _between(part.invoked_at, part.received_at), _between(part.received_at, part.completed_at)
    return Timing(part, total, waited, model, _between(part.completed_at, part.settled_at))


def _between(start: float | None, end: float | None) -> float | None:
    # The clocks of the service and of the functions differ: a step may seem to take less than none.
    return None if start is None or end is None else max(0.0, end - start)


def settled_rows(parts: Sequence[ManifestPart]) -> list[tuple[float, int]]:
    """Return moments and how many rows were settled by then, at most about `BINS` of them."""
    moments = sorted((part.settled_at, part.rows) for part in parts if part.settled_at is not None)
    points: list[tuple[float, int]] = []
    rows = 0
    step = max(1, len(moments) // BINS)
    for number, (at, more) in enumerate(moments, start=1):
        rows += more
        if number % step == 0 or number == len(moments):
            points.append((at, rows))
    return points


def strip(parts: Sequence[ManifestPart], rows_total: int) -> list[tuple[int, int, dict[str, int]]]:
    """Divide the rows into at most `BINS` cells: first row, end, and rows by state."""
    count = min(BINS, rows_total)
    edges = [rows_total * number // count for number in range(count + 1)] if count else []
    cells: list[tuple[int, int, dict[str, int]]] = [
        (start, end, dict.fromkeys(_STATES, 0)) for start, end in pairwise(edges)
    ]
    cell = 0
    for part in sorted(parts, key=lambda each: each.first_row):
        last = part.first_row + part.rows
        while cell and cells[cell][0] > part.first_row:
            cell -= 1
        while cell < len(cells) and cells[cell][0] < last:
            start, end, states = cells[cell]
            inside = min(end, last) - max(start, part.first_row)
            for state, share in _shares(part).items():
                states[state] += round(inside * share)
            if end > last:
                break
            cell += 1
        cell = min(cell, max(0, len(cells) - 1))
    return cells


def _shares(part: ManifestPart) -> dict[str, float]:
    if part.state is ChunkState.CANCELLED:
        return {"cancelled": 1.0}
    rejected = part.rejected / part.rows
    return {"scored": 1.0 - rejected, "rejected": rejected}


@dataclass(frozen=True, slots=True)
class RejectedGroup:
    """Rejected rows with alike reasons."""

    cause: str
    rows: int
    examples: tuple[tuple[ManifestPart, str], ...]
    """Parts and their reasons, the first ones of the group."""


BEFORE_SENDING = "rejected before sending"


def rejected_groups(parts: Sequence[ManifestPart]) -> list[RejectedGroup]:
    """Group rejected rows by reason, the largest group first; a part states one reason.

    Rows that were rejected before sending have no reason in the manifest; they are one group.
    """
    rows: dict[str, int] = {}
    examples: dict[str, list[tuple[ManifestPart, str]]] = {}
    for part in parts:
        if part.rejected:
            stated = part.reason or BEFORE_SENDING
            cause = cause_of(stated)
            rows[cause] = rows.get(cause, 0) + part.rejected
            shown = examples.setdefault(cause, [])
            if len(shown) < EXAMPLES:
                shown.append((part, lead(stated)))
    ranked = sorted(rows, key=lambda cause: (-rows[cause], cause))[:REASONS]
    return [RejectedGroup(cause, rows[cause], tuple(examples[cause])) for cause in ranked]


def costs(parts: Sequence[ManifestPart], prices: Prices) -> Iterator[Line]:
    """Yield the estimated costs of the attempts, without the endpoint's instances and the storage."""
    return handling_costs(sum(part.attempts or 1 for part in parts), prices)
