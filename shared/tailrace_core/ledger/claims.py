"""Claims: start the next waiting chunks, each by one caller, as far as the window has room.

Chunks of stripes, which are opened out of order, are here too: they wait in the same way.

Two rows in the job's item say where to search, so that no claim reads chunks that earlier claims
have passed. From ``frontier`` on, the producer's chunks wait, in order. Before it, only children of
splits wait, as many as ``children_waiting``, none of them before ``waiting_from``. They come first.
Each claim moves these in the transaction that starts the chunks. Of two callers that read the same
job one wins; the other reads again. A split may add a waiting chunk anywhere before the frontier:
it changes ``waiting_version``, so that a claim that has not seen the new chunk does not pass over
it.

Chunks that are opened out of order count as such children: a stripe of a file may be cut before
those to its left. Their job has no frontier, and its claims search from ``waiting_from`` on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tailrace_core.aws.calls import Steps
from tailrace_core.jobs.model import Chunk, ChunkState, Job, JobState
from tailrace_core.jobs.window import MAX_CLAIMED, claimable_chunks
from tailrace_core.ledger import expressions, items
from tailrace_core.ledger.rules import check_new, claimed, started
from tailrace_core.ledger.writes import WriteSteps, expiry

_TRIES = 4
"""Lost races after which a caller gives up: the winners have filled the window."""
_GROWTH, _MOST = 5, 1_000
"""A page of a search holds five times as many chunks as the one before, and a thousand at most. The
first is usually enough; a search may pass many chunks that were started out of order."""


class ClaimSteps(WriteSteps):
    """`Ledger.claim` and `Ledger.open_out_of_order` as steps."""

    def open_out_of_order(self, job: Job, chunks: Sequence[Chunk], window: int = 0) -> Steps[bool]:
        for chunk in chunks:
            check_new(chunk)
        waiting = [chunk.range.first_row for chunk in chunks if chunk.waiting]
        row, started = min(waiting, default=0), len(chunks) - len(waiting)
        counters = {"split_budget :granted": sum(chunk.split_grant for chunk in chunks)}
        update, condition = "", "#s = :submitting"
        if started:
            counters["chunks_in_flight :started"] = started
            condition += " AND chunks_in_flight <= :most" if window else ""
        if waiting:
            counters |= {"chunks_waiting :waiting": 1, "children_waiting :waiting": 1, "waiting_version :one": 1}
            update, unmoved = expressions.waiting_from_at_most(row, job.waiting_from)
            condition += f" AND {unmoved}"
        values = {
            ":submitting": JobState.SUBMITTING,
            ":granted": counters["split_budget :granted"],
            ":started": started,
            ":most": window - started,
            ":waiting": len(waiting),
            ":one": 1,
            ":row": row,
        }
        update += "ADD " + ", ".join(counter for counter, number in counters.items() if number)
        count = self._write(items.job_item_key(job.job_id), update, condition, values)
        added = [self._put_new(items.chunk_item(chunk, expiry(chunk))) for chunk in chunks]
        return not (yield from self._transact([*added, count]))

    def claim(self, job: Job, window: int, due_at: float) -> Steps[list[Chunk]]:
        found: Job | None = job
        for left in reversed(range(_TRIES)):
            if found is None or not (count := claimable_chunks(found, window)):
                break
            waiting = yield from self._waiting(found, count)
            if not waiting and not left:
                # Functions of this version and of an earlier one have split chunks of the job.
                waiting = yield from self._search(found, count, 0)
            chunks = [started(chunk, found, due_at) for chunk in waiting]
            if chunks and (yield from self._claim(found, window, chunks)):
                return chunks
            found = yield from self.job(job.job_id)
        return []

    def _waiting(self, job: Job, count: int) -> Steps[list[Chunk]]:
        """Find the next ``count`` waiting chunks.

        They are fewer if others claimed some since ``job`` was read.
        """
        first_row, frontier = job.waiting_from or 0, job.frontier
        if frontier is None:
            return (yield from self._search(job, count, first_row))
        found: list[Chunk] = []
        if first_row < frontier:
            # Functions of an earlier version do not count children.
            children = min(count, job.children_waiting or count)
            found = yield from self._search(job, children, first_row, frontier)
        return found + (yield from self._search(job, count - len(found), frontier))

    def _search(self, job: Job, count: int, first_row: int, end: int | None = None) -> Steps[list[Chunk]]:
        """Find at most ``count`` waiting chunks from ``first_row`` on and before ``end``."""
        found: list[Chunk] = []
        after, limit = None, MAX_CLAIMED
        while len(found) < count:
            page, after = yield from self.chunks_page(job.job_id, after, first_row=first_row, limit=limit)
            within = [chunk for chunk in page if end is None or chunk.range.first_row < end]
            found += [chunk for chunk in within if chunk.waiting]
            if not after or len(within) < len(page):
                break
            limit = min(_GROWTH * limit, _MOST)
        return found[:count]

    def _claim(self, job: Job, window: int, chunks: Sequence[Chunk]) -> Steps[bool]:
        """Start the chunks if none was started since ``job`` was read and they still fit."""
        following = claimed(job, chunks)
        frontier = "" if job.frontier is None else ", frontier = :beyond"
        count = self._write(
            items.job_item_key(job.job_id),
            f"SET waiting_from = :next, children_waiting = :children{frontier} "
            "ADD chunks_in_flight :n, chunks_waiting :less",
            "#s IN (:submitting, :running) AND waiting_from = :from AND chunks_in_flight <= :most AND "
            + ("waiting_version = :version" if job.waiting_version else "attribute_not_exists(waiting_version)")
            + (" AND attribute_not_exists(frontier)" if job.frontier is None else " AND frontier = :frontier"),
            {
                ":version": job.waiting_version,
                ":submitting": JobState.SUBMITTING,
                ":running": JobState.RUNNING,
                ":from": job.waiting_from,
                ":next": following.waiting_from,
                ":frontier": job.frontier,
                ":beyond": following.frontier,
                ":children": following.children_waiting,
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
