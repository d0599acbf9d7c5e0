"""CountStripe: counts one stripe and stores the counts.

Counting a stripe again stores the same counts. Of a job whose deadline has passed nothing is
counted any more; who cancels a job stops its execution.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from tailrace_consumers.ports import ObjectStore
from tailrace_core.jobs.settings import SourceFormat
from tailrace_core.objects import keys
from tailrace_core.submission.striping.counting import StripeCounting, Unfinished
from tailrace_core.submission.striping.manifest import Stripe
from tailrace_core.submission.striping.reading import OpenRange
from tailrace_core.submission.striping.request import CuttingRequest


class CountStripe:
    """Counts stripes. ``now`` gives seconds since the epoch."""

    def __init__(self, store: ObjectStore, open_range: OpenRange, *, now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._open_range = open_range
        self._now = now
        # Of the jobs whose stripes this process counts, a few at most at a time.
        self._request = lru_cache(maxsize=16)(self._read_request)

    def count(
        self, job_id: str, stripe: Stripe, checkpoint: dict[str, Any] | None, is_time_up: Callable[[], bool]
    ) -> dict[str, Any] | None:
        """Count a stripe, from the checkpoint of an earlier call if there is one.

        Returns the next checkpoint when the time runs out, None when the counts are stored. What is
        wrong with an object is part of the counts.

        Raises:
            JobClosedError: the job's deadline has passed.
        """
        request = self._request(job_id)
        if request.deadline_at is not None and self._now() >= request.deadline_at:
            from tailrace_core.submission.chunk_steps import JobClosedError  # noqa: PLC0415 - few jobs come to this

            raise JobClosedError(f"the deadline of job {job_id} passed while its rows were counted", job_id=job_id)
        counting = StripeCounting(
            policy=request.settings.header,
            header=request.header_record,
            columns=request.settings.source_columns,
            open_range=self._open_range,
            is_time_up=is_time_up,
            is_lines=request.settings.source_format is SourceFormat.JSONL,
        )
        counted = counting.run(stripe, checkpoint)
        if isinstance(counted, Unfinished):
            return counted.checkpoint
        self._store.put_manifest(keys.stripe_count_key(job_id, stripe.number), counted.to_json().encode())
        return None

    def _read_request(self, job_id: str) -> CuttingRequest:
        return CuttingRequest.from_json(b"".join(self._store.read(keys.cutting_request_key(job_id))))
