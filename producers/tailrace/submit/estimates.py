"""The dry run: estimates the work and the cost of a submit.

It reads the input and touches nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tailrace.costs.cost_model import handling_costs
from tailrace.costs.prices import IRELAND
from tailrace.submit.batch_queues import MAX_BATCH
from tailrace_core.engines import size_warnings
from tailrace_core.errors import InputError
from tailrace_core.positions.canaries import add_copies
from tailrace_core.positions.canary_draws import draw_layout
from tailrace_core.submission.planning import ChunkPlan, Seal

if TYPE_CHECKING:
    from tailrace_core.jobs.model import JobSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Sums over the chunks of a plan.

    Sizes are in bytes, the cost is in US dollars without the endpoint.
    """

    rows: int = 0
    rows_rejected: int = 0
    chunks: int = 0
    invocations: int = 0
    objects: int = 0
    source_bytes: int = 0
    upload_bytes: int = 0
    largest_input_bytes: int = 0
    calls: int = 0
    cost_usd: float = 0.0
    warnings: tuple[str, ...] = ()
    """What to know about the job's settings; nothing is wrong yet."""


def estimate(plan: Iterable[ChunkPlan | Seal], settings: JobSettings) -> Estimate:
    """Add up a plan to its end.

    The rows that a job sends again depend on its id: the sizes are those of one possible job.

    Raises:
        RecordError: see `tailrace_core.submission.planning.Planner.plan`.
    """
    rows = rejected = invocations = objects = source = upload = largest = 0
    for chunks, each in enumerate(plan):
        if isinstance(each, Seal):
            return Estimate(
                rows=rows,
                rows_rejected=rejected,
                chunks=chunks,
                invocations=invocations,
                objects=objects,
                source_bytes=source,
                upload_bytes=upload,
                largest_input_bytes=largest,
                calls=_calls(chunks, invocations, objects),
                cost_usd=_cost(chunks),
                warnings=size_warnings(settings.engine, settings.chunk_bytes),
            )
        input_bytes = _input_bytes(each, settings)
        rows += each.range.rows
        rejected += len(each.rejected)
        invocations += bool(each.rows_sent)
        objects += bool(each.input) + bool(each.kept) + bool(each.rejected) + (not each.rows_sent)
        source += each.source_bytes
        upload += input_bytes + sum(map(len, each.kept))
        largest = max(largest, input_bytes)
    raise InputError("the plan has no end")


def _input_bytes(plan: ChunkPlan, settings: JobSettings) -> int:
    layout = draw_layout("", plan.range, plan.rows_sent, settings.canaries, guarded=settings.guarded_canaries)
    if not layout.canaries:
        return sum(map(len, plan.input))
    from tailrace_core.objects.request_frames import frame_of  # noqa: PLC0415 - few jobs have canaries

    return len(add_copies(b"".join(plan.input), layout, frame_of(settings)))


def _calls(chunks: int, invocations: int, objects: int) -> int:
    """Count the producer's calls.

    Objects, invocations, intents and confirmations of up to 25 chunks each, and 6 for the job. A
    slow submit writes fewer chunks together, so that it makes more calls.
    """
    return objects + invocations + math.ceil(chunks / MAX_BATCH) + math.ceil(invocations / MAX_BATCH) + 6


def _cost(chunks: int) -> float:
    return sum(cost for *_, cost in handling_costs(chunks, IRELAND))
