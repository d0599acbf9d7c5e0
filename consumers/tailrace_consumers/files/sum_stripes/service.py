"""SumStripes: from the counts of all stripes to where each stripe's records begin and end.

The starts are written once. An input that cannot be cut raises its error here, before anything is
sent, and no starts are written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, islice

from tailrace_consumers.ports import ObjectStore
from tailrace_core.objects import keys
from tailrace_core.submission.striping.counts import StripeCount
from tailrace_core.submission.striping.manifest import Stripe
from tailrace_core.submission.striping.reading import OpenRange, StripeStart
from tailrace_core.submission.striping.request import CuttingRequest
from tailrace_core.submission.striping.runs import run_from_dict, run_to_json, runs_of_starts
from tailrace_core.submission.striping.summing import Summing

READS_AT_ONCE = 32
_COUNTS_AHEAD = 256
"""Counts in memory at a time, each of a run."""


@dataclass(frozen=True, slots=True)
class InputTotals:
    """The size of an input; bytes are those of its objects as stored."""

    rows_total: int
    objects: int
    size_bytes: int
    stripes: int


class SumStripes:
    """Sums the counts of jobs. With one read at once, calls have one order."""

    def __init__(self, store: ObjectStore, open_range: OpenRange, *, reads_at_once: int = READS_AT_ONCE) -> None:
        self._store = store
        self._open_range = open_range
        self._reads_at_once = reads_at_once

    def sum(self, job_id: str, is_time_up: Callable[[], bool] = lambda: False) -> InputTotals:
        """Write the starts of a job's stripes, and return the size of its input.

        ``is_time_up`` ends the search for the place of an error.

        Raises:
            InputError: the input cannot be cut; the message names the object and the byte.
        """
        request = CuttingRequest.from_json(b"".join(self._store.read(keys.cutting_request_key(job_id))))
        summing = Summing(header=request.header_record, open_range=self._open_range, is_time_up=is_time_up)
        stripes = 0

        def starts() -> Iterator[StripeStart]:
            nonlocal stripes
            for stripe, count in self._counted(job_id):
                stripes += 1
                yield from summing.add(stripe, count)
            yield summing.finish()

        lines = (run_to_json(run).encode() + b"\n" for run in runs_of_starts(starts()))
        # Another execution may have been first; its starts are the same.
        self._store.put_new(keys.stripe_starts_key(job_id), lines, dict)
        return InputTotals(summing.rows_total, summing.objects, summing.size_bytes, stripes)

    def _counted(self, job_id: str) -> Iterator[tuple[Stripe, StripeCount]]:
        """Yield the stripes with their counts, in order."""

        def read(line: bytes) -> list[tuple[Stripe, StripeCount]]:
            run = run_from_dict(json.loads(line), Stripe.from_dict)
            text = b"".join(self._store.read(keys.stripe_count_key(job_id, run[0].number)))
            return list(zip(run, run_from_dict(json.loads(text), StripeCount.from_dict), strict=True))

        lines = _lines(self._store.read(keys.stripes_key(job_id)))
        if self._reads_at_once == 1:
            yield from chain.from_iterable(map(read, lines))
            return
        with ThreadPoolExecutor(self._reads_at_once) as threads:
            while ahead := list(islice(lines, _COUNTS_AHEAD)):
                yield from chain.from_iterable(threads.map(read, ahead))


def _lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of a text that comes in blocks."""
    rest = b""
    for block in blocks:
        *whole, rest = (rest + block).split(b"\n")
        yield from whole
    if rest:
        yield rest
