"""CountStripe: counts a run of stripes and stores the counts together.

Counting a run again stores the same counts. Of a job whose deadline has passed nothing is counted
any more; who cancels a job stops its execution.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from tailrace_consumers.ports import ObjectStore
from tailrace_core.jobs.settings import SourceFormat
from tailrace_core.objects import keys
from tailrace_core.submission.striping.counting import MARGIN_BYTES, StripeCounting, Unfinished
from tailrace_core.submission.striping.counts import StripeCount
from tailrace_core.submission.striping.manifest import Stripe
from tailrace_core.submission.striping.reading import OpenRange
from tailrace_core.submission.striping.request import CuttingRequest
from tailrace_core.submission.striping.runs import run_to_json, stretch_of_stripe
from tailrace_core.submission.striping.stretch_reading import read_together


class CountStripe:
    """Counts stripes. ``now`` gives seconds since the epoch."""

    def __init__(self, store: ObjectStore, open_range: OpenRange, *, now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._open_range = open_range
        self._now = now
        # Of the jobs whose stripes this process counts, a few at most at a time.
        self._request = lru_cache(maxsize=16)(self._read_request)

    def count(
        self, job_id: str, run: Sequence[Stripe], checkpoint: dict[str, Any] | None, is_time_up: Callable[[], bool]
    ) -> dict[str, Any] | None:
        """Count a run, from the checkpoint of an earlier call if there is one.

        Returns the next checkpoint when the time runs out, None when the counts are stored. What is
        wrong with an object is part of the counts.

        Raises:
            JobClosedError: the job's deadline has passed.
        """
        request = self._request(job_id)
        if request.deadline_at is not None and self._now() >= request.deadline_at:
            from tailrace_core.submission.chunk_steps import JobClosedError  # noqa: PLC0415 - few jobs come to this

            raise JobClosedError(f"the deadline of job {job_id} passed while its rows were counted", job_id=job_id)
        counted = [StripeCount.from_dict(each) for each in (checkpoint or {}).get("counted", ())]
        with read_together(list(map(stretch_of_stripe, run)), self._open_range, margin=MARGIN_BYTES) as open_range:
            counting = StripeCounting(
                policy=request.settings.header,
                header=request.header_record,
                columns=request.settings.source_columns,
                open_range=open_range,
                is_time_up=is_time_up,
                is_lines=request.settings.source_format is SourceFormat.JSONL,
            )
            for stripe in run[len(counted) :]:
                found = counting.run(stripe, checkpoint)
                if isinstance(found, Unfinished):
                    return {**found.checkpoint, "counted": [each.to_dict() for each in counted]}
                counted.append(found)
                checkpoint = None
        self._store.put_manifest(keys.stripe_count_key(job_id, run[0].number), run_to_json(counted).encode())
        return None

    def _read_request(self, job_id: str) -> CuttingRequest:
        return CuttingRequest.from_json(b"".join(self._store.read(keys.cutting_request_key(job_id))))
