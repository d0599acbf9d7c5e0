"""The ledger in one DynamoDB table, as steps (`tailrace_core.aws.calls`).

Each method yields its calls and returns the result that `port.Ledger` specifies. The conditions are
`rules` in DynamoDB's terms. A transaction that lost to a concurrent one is a `TransientError`,
which the executor retries. A failed condition is an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tailrace_core.aws.calls import Steps
from tailrace_core.errors import ConflictError
from tailrace_core.jobs.description import JobDescription
from tailrace_core.jobs.history import HistoryEntry
from tailrace_core.jobs.model import EARLY_ENDS, Chunk, ChunkState, Job, JobSettings, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger import expressions, items, rules, splits
from tailrace_core.ledger.claims import ClaimSteps
from tailrace_core.ledger.due_items import DueItem, failed_check_due_at
from tailrace_core.ledger.port import JobKey
from tailrace_core.ledger.rules import OpenOutcome, SettleOutcome
from tailrace_core.ledger.settlements import SettlementSteps
from tailrace_core.ledger.writes import RETENTION_S, expiry

_SPLIT_TRIES = 10
"""Tries of a split whose right child waits, while others move ``waiting_from`` across it."""


class DynamoSteps(ClaimSteps, SettlementSteps):
    """The methods of `Ledger` as steps over one table."""

    # -- jobs

    def create_job(
        self, job: Job, settings: JobSettings, key: JobKey | None = None, description: JobDescription | None = None
    ) -> Steps[bool]:
        items.check_settings(settings)
        expires_at = int(job.deadline_at) + RETENTION_S
        stored = {
            "job": job.job_id,
            "item": items.SETTINGS,
            "settings": settings.to_json(),
            "expires_at": expires_at,
        }
        writes = [self._put_new(items.job_item(job, expires_at)), self._put_new(items.encode_item(stored))]
        if key is not None:
            items.check_job_key(key.key)
            named = {"job_id": job.job_id, "fingerprint": key.fingerprint, "expires_at": expires_at}
            writes.append(self._put_new({**items.job_key_item_key(key.key), **items.encode_item(named)}))
        if description is not None:
            note = {"note": description.to_json(), "expires_at": expires_at}
            note_key = items.note_item_key(job.job_id, items.DESCRIPTION)
            writes.append(self._put_new({**note_key, **items.encode_item(note)}))
        return not (yield from self._transact(writes))

    def seal(self, job_id: str, rows_total: int) -> Steps[bool]:
        rules.check_total(rows_total)
        for state, following in ((JobState.SUBMITTING, JobState.RUNNING), (JobState.CLOSING, JobState.CLOSING)):
            done = yield from self._update(
                items.job_item_key(job_id),
                "SET rows_total = :t, #s = :f",
                "#s = :s AND rows_settled <= :t AND (attribute_not_exists(rows_total) OR rows_total = :t)",
                {":t": rows_total, ":s": state, ":f": following},
            )
            if done:
                return True
        job = yield from self.job(job_id)
        return job is not None and job.rows_total == rows_total

    def close(self, job_id: str, outcome: JobState, reason: str, entry: HistoryEntry | None = None) -> Steps[bool]:
        if outcome not in EARLY_ENDS:
            raise ValueError(f"a job is not closed early as {outcome}")
        # A job is closed once: its history has room.
        update, values = expressions.with_entry(
            "SET #s = :closing, outcome = :o, reason = :r",
            {":closing": JobState.CLOSING, ":o": outcome, ":r": rules.truncate_reason(reason) or "", **_ACCEPTING},
            (),
            entry,
        )
        return (yield from self._update(items.job_item_key(job_id), update, "#s IN (:submitting, :running)", values))

    def record_probe(self, job: Job, following: Job) -> Steps[bool]:
        known = items.encode_ranges(job.probed)
        unchanged = "attribute_not_exists(probed)" if known is None else "probed = :known"
        probed: dict[str, Any] = {":probed": items.encode_ranges(following.probed), ":since": following.probed_since}
        update = "SET probed = :probed, probed_since = :since"
        if following.controlled_at is not None:
            update += ", controls_sent = :sent, controlled_at = :at"
            probed |= {":sent": following.controls_sent, ":at": following.controlled_at}
        key, condition = items.job_item_key(job.job_id), f"attribute_exists(job) AND {unchanged}"
        return (yield from self._update(key, update, condition, {":known": known, **probed}))

    def record_control(self, job_id: str, number: int, *, scored: bool) -> Steps[bool]:
        name = "controls_scored" if scored else "controls_failed"
        later = f"(attribute_not_exists({name}) OR {name} < :n)"
        key, condition = items.job_item_key(job_id), f"attribute_exists(job) AND {later}"
        return (yield from self._update(key, f"SET {name} = :n", condition, {":n": number}))

    def start_finishing(self, job_id: str, now: float) -> Steps[Job | None]:
        done = yield from self._update(
            items.job_item_key(job_id),
            "SET #s = :finishing, finishing_at = :now, due_at = :due",
            "#s IN (:running, :closing) AND rows_settled = rows_total",
            {":finishing": JobState.FINISHING, ":running": JobState.RUNNING, ":closing": JobState.CLOSING,
             ":now": now, ":due": now + rules.FINISHING_LEASE_S},
        )  # fmt: skip
        return (yield from self.job(job_id)) if done else None

    def finish(self, job_id: str) -> Steps[bool]:
        job = yield from self.job(job_id)
        if job is None or job.state is not JobState.FINISHING:
            return False
        return (
            yield from self._update(
                items.job_item_key(job_id),
                "SET #s = :final REMOVE due_shard, due_at",
                "#s = :finishing",
                {":final": job.final_state, ":finishing": JobState.FINISHING},
            )
        )

    def postpone_job(self, job_id: str, due_at: float) -> Steps[bool]:
        return (
            yield from self._update(
                items.job_item_key(job_id),
                "SET due_at = :d REMOVE failed_checks",
                "attribute_exists(due_shard)",
                {":d": due_at},
            )
        )

    def postpone_failed(self, due: DueItem, now: float) -> Steps[bool]:
        key = items.job_item_key(due.job_id) if due.range is None else items.chunk_item_key(due.job_id, due.range)
        failed = items.decode_item((yield from self._get(key)) or {}).get("failed_checks", 0)
        values = {":d": failed_check_due_at(due, failed, now), ":n": failed + 1, ":seen": due.due_at}
        return (yield from self._update(key, "SET due_at = :d, failed_checks = :n", "due_at = :seen", values))

    # -- chunks

    def open_chunk(self, chunk: Chunk) -> Steps[OpenOutcome]:
        return expressions.open_outcome((yield from self._transact(self._opening([chunk]))))

    def open_chunks(self, chunks: Sequence[Chunk]) -> Steps[bool]:
        """Add chunks of one job, all or none; False for none.

        `open_chunk` then returns the outcome of each.
        """
        return not (yield from self._transact(self._opening(chunks)))

    def _opening(self, chunks: Sequence[Chunk]) -> list[dict[str, Any]]:
        for chunk in chunks:
            rules.check_new(chunk)
        waiting = [chunk.range.first_row for chunk in chunks if chunk.waiting]
        update = "SET waiting_from = if_not_exists(waiting_from, :row), frontier = if_not_exists(frontier, :row) "
        counters = {
            "chunks_waiting :waiting": len(waiting),
            "chunks_in_flight :flying": len(chunks) - len(waiting),
            "split_budget :granted": sum(chunk.split_grant for chunk in chunks),
        }
        count = self._write(
            items.job_item_key(chunks[0].job_id),
            (update if waiting else "") + "ADD " + ", ".join(counter for counter, number in counters.items() if number),
            "#s = :submitting",
            {
                ":submitting": JobState.SUBMITTING,
                ":waiting": len(waiting),
                ":flying": len(chunks) - len(waiting),
                ":granted": sum(chunk.split_grant for chunk in chunks),
                ":row": min(waiting, default=0),
            },
        )
        return [*(self._put_new(items.chunk_item(chunk, expiry(chunk))) for chunk in chunks), count]

    def add_rejected(self, chunk: Chunk) -> Steps[OpenOutcome]:
        return self._add_settled(chunk, rules.all_rejected(chunk), "rows_rejected", JobState.SUBMITTING)

    def add_cancelled(self, chunk: Chunk) -> Steps[OpenOutcome]:
        return self._add_settled(chunk, rules.all_cancelled(chunk), "rows_cancelled", JobState.CLOSING)

    def _add_settled(self, chunk: Chunk, settled: Chunk, counter: str, state: JobState) -> Steps[OpenOutcome]:
        count = self._write(
            items.job_item_key(chunk.job_id),
            f"ADD {counter} :n, rows_settled :n",
            "#s = :state",
            {":n": chunk.range.rows, ":state": state},
        )
        put = self._put_new(items.chunk_item(settled, expiry(chunk)))
        return expressions.open_outcome((yield from self._transact([put, count])))

    def begin_attempt(self, chunk: Chunk, entry: HistoryEntry | None = None) -> Steps[bool]:
        rules.check_next(chunk)
        values = {
            ":n": chunk.attempt,
            ":t": chunk.tries,
            ":id": str(chunk.inference_id),
            ":r": rules.truncate_reason(chunk.reason) or "",
            ":f": False,
            ":d": rules.required_due_at(chunk),
            ":x": items.shard_of(items.CHUNK + chunk.range.name, chunk.job_id),
            ":v": chunk.redrives,
            ":ab": chunk.attempts_before,
            ":b": chunk.scored_before,
        }
        sets = (
            "SET attempt = :n, tries = :t, inference_id = :id, reason = :r, invoked = :f, parked = :f, "
            "redrives = :v, due_at = :d, due_shard = :x, attempts_before = :ab"
        )
        removes = f" REMOVE output_location, failure_location, invoked_at, failed_checks, {_RETRY}"
        known = chunk.scored_before is not None
        update = f"{sets}, scored_before = :b{removes}" if known else f"{sets}{removes}, scored_before"
        return (yield from self._update_open(chunk, update, values, attempt=chunk.attempt - 1, entry=entry))

    def confirm(self, chunk: Chunk) -> Steps[bool]:
        (confirmed,) = yield from self.confirm_all([chunk])
        return confirmed

    def confirm_all(self, chunks: Sequence[Chunk]) -> Steps[list[bool]]:
        started = [chunk for chunk in chunks if chunk.attempt]
        confirmed = set[RowRange]()
        for write in (self._confirmation, self._locations):
            # Parked or queued before the answer was recorded: a chunk then gets its locations, and
            # what was decided stands.
            started = [chunk for chunk in started if chunk.range not in confirmed]
            done = yield from self._update_each([write(chunk) for chunk in started])
            confirmed.update(chunk.range for chunk, each in zip(started, done, strict=True) if each)
        return [chunk.range in confirmed for chunk in chunks]

    def _locations(
        self, chunk: Chunk, update: str = "", also: str = "", values: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        located = {":i": True, ":o": chunk.output_location, ":l": chunk.failure_location, ":at": chunk.invoked_at}
        sets = "SET invoked = :i"
        sets += ", output_location = :o" if chunk.output_location else ""
        sets += ", failure_location = :l" if chunk.failure_location else ""
        sets += ", invoked_at = :at" if chunk.invoked_at is not None else ""
        return self._write_open(chunk, sets + update, {**located, **(values or {})}, chunk.attempt, also)

    def _confirmation(self, chunk: Chunk) -> dict[str, Any]:
        values = {":d": rules.required_due_at(chunk), ":np": False, ":q": chunk.retry and chunk.retry.at}
        queued = "attribute_not_exists(retry_at)" if chunk.retry is None else "retry_at = :q"
        update = f", due_at = :d REMOVE {_RETRY}"
        return self._locations(chunk, update, f"parked = :np AND {queued}", values)

    def postpone(self, chunk: Chunk, entry: HistoryEntry | None = None) -> Steps[bool]:
        values = {":d": rules.required_due_at(chunk), ":r": rules.truncate_reason(chunk.reason) or "", ":np": False}
        update = "SET due_at = :d, reason = :r"
        if chunk.retry is None:
            update += f" REMOVE failed_checks, {_RETRY}"
        else:
            update += ", retry_at = :at, retry_tries = :t, retry_held = :h REMOVE failed_checks"
            values |= {":at": chunk.retry.at, ":t": chunk.retry.tries, ":h": chunk.retry.held}
        return (yield from self._update_open(chunk, update, values, also="parked = :np", entry=entry))

    def park(self, chunk: Chunk, entry: HistoryEntry | None = None) -> Steps[bool]:
        parked_at = rules.required_parked_at(chunk)
        if not chunk.attempt:
            return False
        parked, values = expressions.with_entry(
            f"SET parked = :p, reason = :r, parked_at = :at, due_shard = :shard, due_at = :at REMOVE {_RETRY}",
            {
                ":p": True,
                ":np": False,
                ":r": rules.truncate_reason(chunk.reason) or "",
                ":at": parked_at,
                ":shard": items.ATTENTION,
                ":open": ChunkState.OPEN,
                ":a": chunk.attempt,
            },
            chunk.history,
            entry,
        )
        key = items.chunk_item_key(chunk.job_id, chunk.range)
        update = self._write(key, parked, "#s = :open AND attempt = :a AND parked = :np", values)
        count = self._write(
            items.job_item_key(chunk.job_id),
            "ADD times_parked :one",
            "attribute_exists(job)",
            {":one": 1},
        )
        return not (yield from self._transact([update, count]))

    def write_note(self, job: Job, name: str, text: str) -> Steps[str]:
        values = {":t": text, ":x": int(job.deadline_at) + RETENTION_S}
        key = items.note_item_key(job.job_id, name)
        written = yield from self._update(key, "SET note = :t, expires_at = :x", "attribute_not_exists(job)", values)
        found = None if written else (yield from self.note(job.job_id, name))
        return text if found is None else found

    def add_history(self, job_id: str, rows: RowRange | None, entry: HistoryEntry) -> Steps[bool]:
        key = items.job_item_key(job_id) if rows is None else items.chunk_item_key(job_id, rows)
        found = yield from self._get(key)
        if found is None:
            return False
        update, values = expressions.with_entry("SET ", {}, items.history_of(found), entry)
        return (yield from self._update(key, update.removesuffix(", "), "attribute_exists(job)", values))

    def split(
        self, parent: Chunk, left: Chunk, right: Chunk, *, window: int = 0, entry: HistoryEntry | None = None
    ) -> Steps[SettleOutcome]:
        splits.check_children(parent, left, right)
        job = (yield from self.job(parent.job_id)) if right.waiting else None
        for _ in range(_SPLIT_TRIES):
            reasons = yield from self._transact(self._splitting(parent, left, right, window, job, entry))
            outcome = expressions.settle_outcome(reasons)
            job_refused = len(reasons) > 1 and reasons[1] == expressions.CONDITION_FAILED
            if outcome is not SettleOutcome.REFUSED or not job_refused:
                return outcome
            job = yield from self.job(parent.job_id)
            refusal = splits.split_refusal(job, right, window)
            if refusal is not None:
                return refusal
            # Another split, or a claim, has moved `waiting_from` past the right child meanwhile.
        raise ConflictError(f"{parent.job_id}: other callers changed its window at each of {_SPLIT_TRIES} tries")

    def _splitting(
        self, parent: Chunk, left: Chunk, right: Chunk, window: int, job: Job | None, entry: HistoryEntry | None
    ) -> list[dict[str, Any]]:
        update, condition = (
            "ADD split_budget :spent, splits_spent :more",
            "#s IN (:submitting, :running) AND split_budget > :none",
        )
        row, front = right.range.first_row, None if job is None else job.waiting_from
        if not right.waiting:
            update += ", chunks_in_flight :more"
            condition += " AND chunks_in_flight < :window" if window else ""
        else:
            update += ", chunks_waiting :more, children_waiting :more, waiting_version :more"
            moved, unmoved = expressions.waiting_from_at_most(row, front)
            update, condition = moved + update, f"{condition} AND {unmoved}"
        at = "" if parent.settled_at is None else ", settled_at = :at"
        replaced, values = expressions.with_entry(
            f"SET #s = :split, reason = :r, parked = :np{at} REMOVE due_shard, due_at",
            {
                ":split": ChunkState.SPLIT,
                ":open": ChunkState.OPEN,
                ":a": parent.attempt,
                ":r": rules.truncate_reason(parent.reason) or "",
                ":np": False,
                ":at": parent.settled_at,
            },
            parent.history,
            entry,
        )
        return [
            self._write(
                items.chunk_item_key(parent.job_id, parent.range),
                replaced,
                "#s = :open AND attempt = :a AND attribute_not_exists(answered)",
                values,
            ),
            self._write(
                items.job_item_key(parent.job_id),
                update,
                condition,
                {":spent": -1, ":none": 0, ":more": 1, ":window": window, ":row": row, **_ACCEPTING},
            ),
            self._put_new(items.chunk_item(left, expiry(left))),
            self._put_new(items.chunk_item(right, expiry(right))),
        ]


_RETRY = "retry_at, retry_tries, retry_held"
_ACCEPTING = {":submitting": JobState.SUBMITTING, ":running": JobState.RUNNING}
