"""Claims: start the next waiting chunks, each by one caller, as far as the window has room.

``waiting_from`` in the job's item is the row to search from, so that no claim reads chunks that
earlier claims have passed. Each claim moves it in the transaction that starts the chunks. Of two
callers that read the same value one wins; the other reads again. A split may add a waiting chunk
anywhere behind that row: it changes ``waiting_version``, so that a claim that has not seen the new
chunk does not pass over it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tailrace_core.aws.calls import Steps
from tailrace_core.jobs.model import Chunk, ChunkState, Job, JobState
from tailrace_core.jobs.window import MAX_CLAIMED, claimable_chunks
from tailrace_core.ledger import items
from tailrace_core.ledger.rules import started
from tailrace_core.ledger.writes import WriteSteps

_TRIES = 4
"""Lost races after which a caller gives up: the winners have filled the window."""


class ClaimSteps(WriteSteps):
    """`Ledger.claim` as steps."""

    def claim(self, job: Job, window: int, due_at: float) -> Steps[list[Chunk]]:
        found: Job | None = job
        for _ in range(_TRIES):
            if found is None or not (count := claimable_chunks(found, window)):
                break
            chunks = [started(chunk, found, due_at) for chunk in (yield from self._waiting(found, count))]
            if chunks and (yield from self._claim(found, window, chunks)):
                return chunks
            found = yield from self.job(job.job_id)
        return []

    def _waiting(self, job: Job, count: int) -> Steps[list[Chunk]]:
        """Find the next ``count`` waiting chunks.

        They are fewer if others claimed some since ``job`` was read.
        """
        found: list[Chunk] = []
        after = None
        while len(found) < count:
            page, after = yield from self.chunks_page(
                job.job_id, after, first_row=job.waiting_from or 0, limit=MAX_CLAIMED
            )
            found += [chunk for chunk in page if chunk.waiting]
            if not after:
                break
        return found[:count]

    def _claim(self, job: Job, window: int, chunks: Sequence[Chunk]) -> Steps[bool]:
        """Start the chunks if none was started since ``job`` was read and they still fit."""
        count = self._write(
            items.job_item_key(job.job_id),
            "SET waiting_from = :next ADD chunks_in_flight :n, chunks_waiting :less",
            "#s IN (:submitting, :running) AND waiting_from = :from AND chunks_in_flight <= :most AND "
            + ("waiting_version = :version" if job.waiting_version else "attribute_not_exists(waiting_version)"),
            {
                ":version": job.waiting_version,
                ":submitting": JobState.SUBMITTING,
                ":running": JobState.RUNNING,
                ":from": job.waiting_from,
                ":next": chunks[-1].range.end,
                ":n": len(chunks),
                ":less": -len(chunks),
                ":most": window - len(chunks),
            },
        )
        return not (yield from self._transact([count, *map(self._start, chunks)]))

    def _start(self, chunk: Chunk) -> dict[str, Any]:
        known = chunk.scored_before is not None
        return self._write(
            items.chunk_item_key(chunk.job_id, chunk.range),
            "SET attempt = :a, tries = :a, inference_id = :id, due_at = :d, due_shard = :x"
            + (", scored_before = :b" if known else ""),
            "#s = :open AND attempt = :none",
            {
                ":open": ChunkState.OPEN,
                ":none": 0,
                ":a": chunk.attempt,
                ":id": str(chunk.inference_id),
                ":d": chunk.due_at,
                ":x": items.shard_of(items.CHUNK + chunk.range.name, chunk.job_id),
                ":b": chunk.scored_before,
            },
        )
