"""A ledger in memory, for tests and simulations: the rules and nothing else.

One test suite covers it and `DynamoLedger`.
"""

from __future__ import annotations

import dataclasses
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence

from tailrace_core.jobs.description import JobDescription
from tailrace_core.jobs.history import HistoryEntry, extended
from tailrace_core.jobs.model import Chunk, ChunkState, Job, JobSettings, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.jobs.window import claimable_chunks
from tailrace_core.ledger import items, rules, splits
from tailrace_core.ledger.due_items import DueItem, failed_check_due_at
from tailrace_core.ledger.port import JobKey
from tailrace_core.ledger.rules import OpenOutcome, Settlement, SettleOutcome
from tailrace_core.ledger.settlements import check_together


class MemoryLedger:
    """The in-memory adapter of `tailrace_core.ledger.port.Ledger`; thread-safe."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._settings: dict[str, JobSettings] = {}
        self._notes: dict[tuple[str, str], str] = {}
        self._keys: dict[str, tuple[str, str]] = {}
        self._chunks: dict[str, dict[RowRange, Chunk]] = {}
        self._job_due: dict[str, float] = {}
        self._failed_checks: dict[tuple[str, RowRange | None], int] = {}
        self._lock = threading.RLock()

    def create_job(
        self, job: Job, settings: JobSettings, key: JobKey | None = None, description: JobDescription | None = None
    ) -> bool:
        with self._lock:
            if job.job_id in self._jobs or (key is not None and key.key in self._keys):
                return False
            self._jobs[job.job_id] = job
            self._settings[job.job_id] = settings
            if description is not None:
                self._notes[job.job_id, items.DESCRIPTION] = description.to_json()
            self._chunks[job.job_id] = {}
            self._job_due[job.job_id] = rules.first_check_at(job)
            if key is not None:
                self._keys[key.key] = (job.job_id, key.fingerprint)
            return True

    def find_job_key(self, key: str) -> tuple[str, str] | None:
        return self._keys.get(key)

    def job(self, job_id: str) -> Job | None:
        return self._jobs.get(job_id)

    def settings(self, job_id: str) -> JobSettings | None:
        return self._settings.get(job_id)

    def description(self, job_id: str) -> JobDescription:
        return JobDescription.from_json(self.note(job_id, items.DESCRIPTION) or "{}")

    def note(self, job_id: str, name: str) -> str | None:
        return self._notes.get((job_id, name))

    def write_note(self, job: Job, name: str, text: str) -> str:
        with self._lock:
            return self._notes.setdefault((job.job_id, name), text)

    def chunk(self, job_id: str, rows: RowRange) -> Chunk | None:
        return self._chunks.get(job_id, {}).get(rows)

    def chunks_with_jobs(self, wanted: Sequence[tuple[str, RowRange]]) -> list[tuple[Chunk, Job] | None]:
        with self._lock:
            found = [(self.chunk(*each), self.job(each[0])) for each in wanted]
        return [(chunk, job) if chunk is not None and job is not None else None for chunk, job in found]

    def chunks(self, job_id: str) -> Iterator[Chunk]:
        with self._lock:
            return iter([chunk for _, chunk in sorted(self._chunks.get(job_id, {}).items())])

    def jobs(self, limit: int) -> list[Job]:
        with self._lock:
            return sorted(self._jobs.values(), key=lambda job: job.created_at, reverse=True)[:limit]

    def open_chunk(self, chunk: Chunk) -> OpenOutcome:
        rules.check_new(chunk)
        with self._lock:
            opened = self._may_add(chunk)
            if opened is OpenOutcome.OPENED:
                self._jobs[chunk.job_id] = rules.opened(self._jobs[chunk.job_id], chunk)
                self._put(dataclasses.replace(chunk, due_at=None) if chunk.waiting else chunk)
            return opened

    def open_out_of_order(self, job: Job, chunks: Sequence[Chunk], window: int = 0) -> bool:
        for chunk in chunks:
            rules.check_new(chunk)
        with self._lock:
            found = self.job(job.job_id)
            following = found and rules.opened_out_of_order(found, chunks, window)
            if following is None or any(map(self._has, chunks)):
                return False
            self._jobs[job.job_id] = following
            for chunk in chunks:
                self._put(dataclasses.replace(chunk, due_at=None) if chunk.waiting else chunk)
            return True

    def add_rejected(self, chunk: Chunk) -> OpenOutcome:
        return self._add_settled(chunk, rules.all_rejected(chunk), "rows_rejected", JobState.SUBMITTING)

    def add_cancelled(self, chunk: Chunk) -> OpenOutcome:
        return self._add_settled(chunk, rules.all_cancelled(chunk), "rows_cancelled", JobState.CLOSING)

    def _add_settled(self, chunk: Chunk, settled: Chunk, counter: str, state: JobState) -> OpenOutcome:
        rules.required_due_at(chunk)
        with self._lock:
            opened = self._may_add(chunk, state)
            if opened is OpenOutcome.OPENED:
                job = self._jobs[chunk.job_id]
                rows = getattr(job, counter) + chunk.range.rows
                self._jobs[job.job_id] = dataclasses.replace(job, **{counter: rows})
                self._put(settled)
            return opened

    def begin_attempt(self, chunk: Chunk, entry: HistoryEntry | None = None) -> bool:
        rules.check_next(chunk)
        with self._lock:
            found = self._open_at(chunk, chunk.attempt - 1)
            if found is not None:
                self._put(
                    dataclasses.replace(
                        found,
                        attempt=chunk.attempt,
                        tries=chunk.tries,
                        due_at=rules.required_due_at(chunk),
                        reason=rules.truncate_reason(chunk.reason),
                        redrives=chunk.redrives,
                        attempts_before=chunk.attempts_before,
                        retry=None,
                        scored_before=chunk.scored_before,
                        invoked=False,
                        invoked_at=None,
                        output_location=None,
                        failure_location=None,
                        parked=False,
                        history=extended(found.history, entry),
                    )
                )
                self._failed_checks.pop((chunk.job_id, chunk.range), None)
            return found is not None

    def claim(self, job: Job, window: int, due_at: float) -> list[Chunk]:
        with self._lock:
            found = self._jobs[job.job_id]
            waiting = [chunk for chunk in self.chunks(job.job_id) if chunk.waiting][: claimable_chunks(found, window)]
            chunks = [rules.started(chunk, found, due_at) for chunk in waiting]
            if chunks:
                self._jobs[job.job_id] = rules.claimed(found, chunks)
            for chunk in chunks:
                self._put(chunk)
            return chunks

    def confirm(self, chunk: Chunk) -> bool:
        with self._lock:
            found = self._open_at(chunk, chunk.attempt)
            if found is not None:
                self._put(rules.confirmed(found, chunk))
            return found is not None

    def confirm_all(self, chunks: Sequence[Chunk]) -> list[bool]:
        with self._lock:
            return [self.confirm(chunk) for chunk in chunks]

    def postpone(self, chunk: Chunk, entry: HistoryEntry | None = None) -> bool:
        with self._lock:
            found = self._open_at(chunk, chunk.attempt)
            if found is None or found.parked:
                return False
            self._put(
                dataclasses.replace(
                    found,
                    due_at=rules.required_due_at(chunk),
                    reason=rules.truncate_reason(chunk.reason),
                    retry=chunk.retry,
                    history=extended(found.history, entry),
                )
            )
            self._failed_checks.pop((chunk.job_id, chunk.range), None)
            return True

    def park(self, chunk: Chunk, entry: HistoryEntry | None = None) -> bool:
        parked_at = rules.required_parked_at(chunk)
        with self._lock:
            found = self._open_at(chunk, chunk.attempt)
            if found is None or found.parked:
                return False
            reason = rules.truncate_reason(chunk.reason)
            history = extended(found.history, entry)
            parked = dataclasses.replace(
                found, parked=True, parked_at=parked_at, due_at=None, retry=None, reason=reason, history=history
            )
            self._put(parked)
            job = self._jobs[chunk.job_id]
            self._jobs[job.job_id] = dataclasses.replace(job, times_parked=job.times_parked + 1)
            return True

    def mark_answered(self, job_id: str, rows: RowRange) -> bool:
        with self._lock:
            found = self.chunk(job_id, rows)
            if found is None or found.state is not ChunkState.OPEN or found.waiting:
                return False
            self._put(dataclasses.replace(found, answered=True))
            return True

    def mark_all_answered(self, chunks: Sequence[tuple[str, RowRange]]) -> list[bool]:
        with self._lock:
            return [self.mark_answered(job_id, rows) for job_id, rows in chunks]

    def settle(self, end: Settlement) -> SettleOutcome:
        with self._lock:
            outcome, job, chunk = rules.settle(self.job(end.job_id), self.chunk(end.job_id, end.range), end)
            if outcome is SettleOutcome.SETTLED and job is not None and chunk is not None:
                self._jobs[job.job_id] = job
                self._put(chunk)
            return outcome

    def settle_all(self, ends: Sequence[Settlement]) -> list[SettleOutcome]:
        check_together(ends)
        with self._lock:
            return [self.settle(end) for end in ends]

    def add_history(self, job_id: str, rows: RowRange | None, entry: HistoryEntry) -> bool:
        with self._lock:
            job, chunk = self.job(job_id), None if rows is None else self.chunk(job_id, rows)
            if rows is None:
                return self._move(job and dataclasses.replace(job, history=extended(job.history, entry)))
            if chunk is not None:
                self._put(dataclasses.replace(chunk, history=extended(chunk.history, entry)))
            return chunk is not None

    def attention(self, limit: int) -> list[DueItem]:
        with self._lock:
            found = [
                DueItem(chunk.job_id, chunk.range, chunk.parked_at)
                for chunks in self._chunks.values()
                for chunk in chunks.values()
                if chunk.parked and chunk.parked_at is not None
            ]
            return sorted(found, key=lambda each: each.due_at)[:limit]

    def chunks_of(self, wanted: Sequence[tuple[str, RowRange]]) -> list[Chunk]:
        found = (self.chunk(job_id, rows) for job_id, rows in wanted)
        return [chunk for chunk in found if chunk is not None]

    def jobs_of(self, job_ids: Sequence[str]) -> list[Job]:
        found = map(self.job, job_ids)
        return [job for job in found if job is not None]

    def split(
        self, parent: Chunk, left: Chunk, right: Chunk, *, window: int = 0, entry: HistoryEntry | None = None
    ) -> SettleOutcome:
        splits.check_children(parent, left, right)
        with self._lock:
            found = self.chunk(parent.job_id, parent.range)
            outcome, job = splits.split(self.job(parent.job_id), found, parent.attempt, right, window)
            if outcome is SettleOutcome.SETTLED and (self._has(left) or self._has(right)):
                return SettleOutcome.REFUSED
            if outcome is SettleOutcome.SETTLED and job is not None and found is not None:
                self._jobs[job.job_id] = job
                self._put(
                    dataclasses.replace(
                        found,
                        state=ChunkState.SPLIT,
                        reason=rules.truncate_reason(parent.reason),
                        parked=False,
                        due_at=None,
                        settled_at=parent.settled_at,
                        history=extended(found.history, entry),
                    )
                )
                self._put(left)
                self._put(dataclasses.replace(right, due_at=None) if right.waiting else right)
            return outcome

    def record_probe(self, job: Job, following: Job) -> bool:
        with self._lock:
            found = self.job(job.job_id)
            if found is None or found.probed != job.probed:
                return False
            return self._move(
                dataclasses.replace(
                    found,
                    probed=following.probed,
                    probed_since=following.probed_since,
                    controls_sent=following.controls_sent,
                    controlled_at=following.controlled_at,
                )
            )

    def record_control(self, job_id: str, number: int, *, scored: bool) -> bool:
        with self._lock:
            found = self.job(job_id)
            if found is None or (found.controls_scored if scored else found.controls_failed) >= number:
                return False
            if scored:
                return self._move(dataclasses.replace(found, controls_scored=number))
            return self._move(dataclasses.replace(found, controls_failed=number))

    def seal(self, job_id: str, rows_total: int) -> bool:
        with self._lock:
            return self._move(rules.seal(self.job(job_id), rows_total))

    def close(self, job_id: str, outcome: JobState, reason: str, entry: HistoryEntry | None = None) -> bool:
        with self._lock:
            return self._move(rules.close(self.job(job_id), outcome, reason, entry))

    def start_finishing(self, job_id: str, now: float) -> Job | None:
        with self._lock:
            job = rules.start_finishing(self.job(job_id), now)
            if self._move(job):
                self._job_due[job_id] = now + rules.FINISHING_LEASE_S
            return job

    def finish(self, job_id: str) -> bool:
        with self._lock:
            return self._move(rules.finish(self.job(job_id)))

    def overdue(self, before: float, limit: int) -> Iterator[DueItem]:
        with self._lock:
            jobs = [
                DueItem(job_id, None, due)
                for job_id, due in self._job_due.items()
                if not self._jobs[job_id].state.final
            ]
            shards: defaultdict[tuple[str, str], list[DueItem]] = defaultdict(list)
            for each in self._chunks.values():
                for chunk in each.values():
                    if chunk.state is ChunkState.OPEN and chunk.due_at is not None and chunk.due_at <= before:
                        shard = items.shard_of(items.CHUNK + chunk.range.name, chunk.job_id)
                        shards[chunk.job_id, shard].append(DueItem(chunk.job_id, chunk.range, chunk.due_at))
            due = [job for job in jobs if job.due_at <= before]
            for chunks in shards.values():
                due += sorted(chunks, key=lambda each: each.due_at)[:limit]
            return iter(sorted(due, key=lambda each: each.due_at))

    def postpone_job(self, job_id: str, due_at: float) -> bool:
        with self._lock:
            job = self.job(job_id)
            if job is None or job.state.final:
                return False
            self._job_due[job_id] = due_at
            self._failed_checks.pop((job_id, None), None)
            return True

    def postpone_failed(self, due: DueItem, now: float) -> bool:
        with self._lock:
            failed = self._failed_checks.get((due.job_id, due.range), 0)
            due_at = failed_check_due_at(due, failed, now)
            if due.range is None:
                if self._job_due.get(due.job_id) != due.due_at or self._jobs[due.job_id].state.final:
                    return False
                self._job_due[due.job_id] = due_at
            else:
                found = self.chunk(due.job_id, due.range)
                if found is None or found.due_at != due.due_at:
                    return False
                self._put(dataclasses.replace(found, due_at=due_at))
            self._failed_checks[due.job_id, due.range] = failed + 1
            return True

    def _may_add(self, chunk: Chunk, state: JobState = JobState.SUBMITTING) -> OpenOutcome:
        job = self.job(chunk.job_id)
        if self._has(chunk):
            return OpenOutcome.EXISTS
        return OpenOutcome.OPENED if job is not None and job.state is state else OpenOutcome.CLOSED

    def _open_at(self, chunk: Chunk, attempt: int) -> Chunk | None:
        found = self.chunk(chunk.job_id, chunk.range)
        current = found is not None and found.state is ChunkState.OPEN and found.attempt == attempt
        return found if current and attempt else None

    def _has(self, chunk: Chunk) -> bool:
        return self.chunk(chunk.job_id, chunk.range) is not None

    def _put(self, chunk: Chunk) -> None:
        self._chunks[chunk.job_id][chunk.range] = chunk

    def _move(self, job: Job | None) -> bool:
        if job is None:
            return False
        self._jobs[job.job_id] = job
        return True
