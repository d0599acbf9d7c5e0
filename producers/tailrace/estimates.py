"""The dry run: what a submit would do and about what it would cost. Reads the input and touches nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tailrace.planning import ChunkPlan, Seal
from tailrace_core.errors import InputError

# List prices of us-east-1 in US dollars, 2025; other regions differ by some ten per cent, China more.
_S3_PUT = 0.005 / 1_000
_S3_GET = 0.0004 / 1_000
_DYNAMO_WRITE = 0.625 / 1_000_000
_SQS_OR_SNS = 0.40 / 1_000_000
_LAMBDA = 0.20 / 1_000_000 + 0.25 * 1.0 * 0.0000133334
"""One invocation of a function of 256 MB that works for a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Sums over the chunks of a plan; sizes in bytes, the cost in US dollars without the endpoint's own."""

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


def estimate(plan: Iterable[ChunkPlan | Seal]) -> Estimate:
    """Go through a plan to its end.

    Raises:
        RecordError: as `tailrace.planning.Planner.plan`.
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
                cost_usd=_cost(chunks, invocations, objects),
            )
        input_bytes = sum(map(len, each.input))
        rows += each.range.rows
        rejected += len(each.rejected)
        invocations += bool(each.rows_sent)
        objects += bool(each.input) + bool(each.kept) + bool(each.rejected) + (not each.rows_sent)
        source += each.source_bytes
        upload += input_bytes + sum(map(len, each.kept))
        largest = max(largest, input_bytes)
    raise InputError("the plan has no end")


def _calls(chunks: int, invocations: int, objects: int) -> int:
    """Of the producer: objects, an intent a chunk, an invocation and its confirmation; and a few for the job."""
    return objects + chunks + 2 * invocations + 6


def _cost(chunks: int, invocations: int, objects: int) -> float:
    # Intent and settling are transactions of two items, which count twice; with the due index about 12 writes a chunk.
    writes = 12 * chunks * _DYNAMO_WRITE
    # The service puts the output, the consumer reads it with the kept columns and puts the part.
    storage = (objects + 2 * invocations) * _S3_PUT + 3 * invocations * _S3_GET
    # A notification in, an event out, each over a topic and a queue that is received from and deleted from.
    messages = 10 * invocations * _SQS_OR_SNS
    return writes + storage + messages + invocations * _LAMBDA
