"""The ledger in one DynamoDB table, as steps: each method yields the calls it needs and returns what `port.Ledger` says.

The conditions are `rules` in DynamoDB's terms. A transaction that lost to a concurrent one is a `TransientError`, which
the executor tries again; a condition that failed is an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tailrace_core.calls import Call, Steps
from tailrace_core.errors import ConditionFailedError
from tailrace_core.jobs import EARLY_ENDS, Chunk, ChunkState, Job, JobSettings, JobState
from tailrace_core.ledger import items, rules
from tailrace_core.ledger.port import Due, JobKey
from tailrace_core.ledger.rules import Opened, Settled, Settlement
from tailrace_core.ranges import RowRange

RETENTION_S = 45 * 86_400
"""How long items stay, from when they are first due: the longest deadline (14 days), and then longer than any message can
wait (4 days, then 14 in a dead-letter queue)."""

_FAILED = "ConditionalCheckFailed"
_BATCH = 100


class DynamoSteps:
    """`Ledger` as steps over one table."""

    def __init__(self, table: str) -> None:
        self.table = table

    # -- reading

    def find_key(self, key: str) -> Steps[tuple[str, str] | None]:
        item = yield from self._get(items.named_key(key))
        if item is None:
            return None
        values = items.decode(item)
        return values["job_id"], values["fingerprint"]

    def job(self, job_id: str) -> Steps[Job | None]:
        item = yield from self._get(items.job_key(job_id))
        return None if item is None else items.job_of(item)

    def settings(self, job_id: str) -> Steps[JobSettings | None]:
        item = yield from self._get(items.settings_key(job_id))
        return None if item is None else JobSettings.model_validate_json(items.decode(item)["settings"])

    def chunk(self, job_id: str, rows: RowRange) -> Steps[Chunk | None]:
        item = yield from self._get(items.chunk_key(job_id, rows))
        return None if item is None else items.chunk_of(item)

    def chunks_page(self, job_id: str, after: Any = None) -> Steps[tuple[list[Chunk], Any]]:
        """One page of a job's chunks by range, and where the next one starts (None after the last)."""
        answer = yield self._query(
            KeyConditionExpression="job = :j AND begins_with(#i, :c)",
            ExpressionAttributeNames={"#i": "item"},
            ExpressionAttributeValues=items.item_of({":j": job_id, ":c": items.CHUNK}),
            ConsistentRead=True,
            **({"ExclusiveStartKey": after} if after else {}),
        )
        return [items.chunk_of(item) for item in answer["Items"]], answer.get("LastEvaluatedKey")

    def jobs(self, limit: int) -> Steps[list[Job]]:
        answer = yield self._query(
            IndexName=items.CREATED_INDEX,
            KeyConditionExpression="kind = :k",
            ExpressionAttributeValues=items.item_of({":k": items.JOB}),
            ScanIndexForward=False,
            Limit=limit,
        )
        found: list[Job] = []
        ids = [items.decode(item)["job"] for item in answer["Items"]]
        for start in range(0, len(ids), _BATCH):
            wanted: Any = {self.table: {"Keys": [items.job_key(each) for each in ids[start : start + _BATCH]]}}
            while wanted:
                batch = yield Call("dynamodb", "batch_get_item", {"RequestItems": wanted})
                found += [items.job_of(item) for item in batch["Responses"].get(self.table, ())]
                wanted = batch.get("UnprocessedKeys")
        return sorted(found, key=lambda job: job.created_at, reverse=True)

    def overdue_page(self, shard: int, before: float, limit: int) -> Steps[list[Due]]:
        """What is due in one shard, the longest overdue first, at most ``limit``. Read from the index: a moment late."""
        answer = yield self._query(
            IndexName=items.DUE_INDEX,
            KeyConditionExpression="due_shard = :s AND due_at <= :b",
            ExpressionAttributeValues=items.item_of({":s": str(shard), ":b": before}),
            Limit=limit,
        )
        return [_due(items.decode(item)) for item in answer["Items"]]

    # -- jobs

    def create_job(self, job: Job, settings: JobSettings, key: JobKey | None = None) -> Steps[bool]:
        expires_at = int(job.deadline_at) + RETENTION_S
        stored = {
            "job": job.job_id,
            "item": items.SETTINGS,
            "settings": settings.model_dump_json(),
            "expires_at": expires_at,
        }
        writes = [self._put_new(items.job_item(job, expires_at)), self._put_new(items.item_of(stored))]
        if key is not None:
            named = {"job_id": job.job_id, "fingerprint": key.fingerprint, "expires_at": expires_at}
            writes.append(self._put_new({**items.named_key(key.key), **items.item_of(named)}))
        return not (yield from self._transact(writes))

    def seal(self, job_id: str, rows_total: int) -> Steps[bool]:
        for state, following in ((JobState.SUBMITTING, JobState.RUNNING), (JobState.CLOSING, JobState.CLOSING)):
            done = yield from self._update(
                items.job_key(job_id),
                "SET rows_total = :t, #s = :f",
                "#s = :s AND (attribute_not_exists(rows_total) OR rows_total = :t)",
                {":t": rows_total, ":s": state, ":f": following},
            )
            if done:
                return True
        job = yield from self.job(job_id)
        return job is not None and job.rows_total == rows_total

    def close(self, job_id: str, outcome: JobState, reason: str) -> Steps[bool]:
        if outcome not in EARLY_ENDS:
            raise ValueError(f"a job is not closed early as {outcome}")
        return (
            yield from self._update(
                items.job_key(job_id),
                "SET #s = :closing, outcome = :o, reason = :r",
                "#s IN (:submitting, :running)",
                {":closing": JobState.CLOSING, ":o": outcome, ":r": reason, **_ACCEPTING},
            )
        )

    def start_finishing(self, job_id: str, now: float) -> Steps[Job | None]:
        done = yield from self._update(
            items.job_key(job_id),
            "SET #s = :finishing, finishing_at = :now, due_at = :due",
            "#s IN (:running, :closing) AND rows_settled = rows_total",
            {":finishing": JobState.FINISHING, ":running": JobState.RUNNING, ":closing": JobState.CLOSING,
             ":now": now, ":due": now + FINISHING_LEASE_S},
        )  # fmt: skip
        return (yield from self.job(job_id)) if done else None

    def finish(self, job_id: str) -> Steps[bool]:
        job = yield from self.job(job_id)
        if job is None or job.state is not JobState.FINISHING:
            return False
        return (
            yield from self._update(
                items.job_key(job_id),
                "SET #s = :final REMOVE due_shard, due_at",
                "#s = :finishing",
                {":final": job.final_state, ":finishing": JobState.FINISHING},
            )
        )

    def postpone_job(self, job_id: str, due_at: float) -> Steps[bool]:
        return (
            yield from self._update(
                items.job_key(job_id), "SET due_at = :d", "attribute_exists(due_shard)", {":d": due_at}, state=False
            )
        )

    # -- chunks

    def open_chunk(self, chunk: Chunk) -> Steps[Opened]:
        put = self._put_new(items.chunk_item(chunk, _expiry(chunk)))
        check = self._write(
            "ConditionCheck",
            items.job_key(chunk.job_id),
            None,
            "#s = :submitting",
            {":submitting": JobState.SUBMITTING},
        )
        return _opened((yield from self._transact([put, check])))

    def add_rejected(self, chunk: Chunk) -> Steps[Opened]:
        settled = Chunk(
            job_id=chunk.job_id, range=chunk.range, state=ChunkState.REJECTED, rejected=chunk.range.rows, reason=chunk.reason,
            input_checksum=chunk.input_checksum, part_checksum=chunk.part_checksum, part_bytes=chunk.part_bytes,
        )  # fmt: skip
        count = self._write(
            "Update",
            items.job_key(chunk.job_id),
            "ADD rows_rejected :n, rows_settled :n",
            "#s = :submitting",
            {":n": chunk.range.rows, ":submitting": JobState.SUBMITTING},
        )
        return _opened((yield from self._transact([self._put_new(items.chunk_item(settled, _expiry(chunk))), count])))

    def begin_attempt(self, chunk: Chunk) -> Steps[bool]:
        values = {
            ":n": chunk.attempt, ":t": chunk.tries, ":id": str(chunk.inference_id), ":r": chunk.reason or "", ":f": False,
            ":d": chunk.due_at, ":x": items.shard_of(items.CHUNK + chunk.range.name, chunk.job_id), ":v": chunk.redrives,
        }  # fmt: skip
        return (
            yield from self._update_open(
                chunk,
                "SET attempt = :n, tries = :t, inference_id = :id, reason = :r, invoked = :f, parked = :f, redrives = :v, "
                "due_at = :d, due_shard = :x REMOVE output_location, failure_location",
                values,
                attempt=chunk.attempt - 1,
            )
        )

    def confirm(self, chunk: Chunk) -> Steps[bool]:
        values = {":i": True, ":o": chunk.output_location, ":l": chunk.failure_location, ":d": chunk.due_at}
        sets = "SET invoked = :i, due_at = :d"
        sets += ", output_location = :o" if chunk.output_location else ""
        sets += ", failure_location = :l" if chunk.failure_location else ""
        return (yield from self._update_open(chunk, sets, values))

    def postpone(self, chunk: Chunk) -> Steps[bool]:
        values = {":d": chunk.due_at, ":r": chunk.reason or ""}
        return (yield from self._update_open(chunk, "SET due_at = :d, reason = :r", values))

    def park(self, chunk: Chunk) -> Steps[bool]:
        update = self._write(
            "Update",
            items.chunk_key(chunk.job_id, chunk.range),
            "SET parked = :p, reason = :r REMOVE due_shard, due_at",
            "#s = :open AND attempt = :a AND parked = :np",
            {":p": True, ":np": False, ":r": chunk.reason or "", ":open": ChunkState.OPEN, ":a": chunk.attempt},
        )
        count = self._write(
            "Update",
            items.job_key(chunk.job_id),
            "ADD times_parked :one",
            "attribute_exists(job)",
            {":one": 1},
            state=False,
        )
        return not (yield from self._transact([update, count]))

    def settle(self, end: Settlement) -> Steps[Settled]:
        condition = "#s = :open" + ("" if end.attempt is None else " AND attempt = :a")
        values = {":open": ChunkState.OPEN, ":a": end.attempt, ":to": end.state, ":rej": end.rejected, ":np": False,
                  ":sum": end.part_checksum, ":size": end.part_bytes, ":why": end.reason}  # fmt: skip
        sets = "SET #s = :to, rejected = :rej, parked = :np"
        optional = {
            "part_checksum = :sum": end.part_checksum,
            "part_bytes = :size": end.part_bytes,
            "reason = :why": end.reason,
        }
        sets += "".join(f", {text}" for text, value in optional.items() if value is not None)
        chunk = self._write(
            "Update", items.chunk_key(end.job_id, end.range), sets + " REMOVE due_shard, due_at", condition, values
        )
        names = {f":j{index}": state for index, state in enumerate(end.job_states)}
        job = self._write(
            "Update",
            items.job_key(end.job_id),
            "ADD rows_scored :scored, rows_rejected :rejected, rows_cancelled :cancelled, rows_settled :all",
            f"#s IN ({', '.join(names)})",
            {
                **names,
                ":scored": end.scored,
                ":rejected": end.counted_rejected,
                ":cancelled": end.cancelled,
                ":all": end.range.rows,
            },
        )
        return _settled((yield from self._transact([chunk, job])))

    def split(self, parent: Chunk, left: Chunk, right: Chunk) -> Steps[Settled]:
        rules.check_children(parent.range, left, right)
        writes = [
            self._write(
                "Update",
                items.chunk_key(parent.job_id, parent.range),
                "SET #s = :split, reason = :r, parked = :np REMOVE due_shard, due_at",
                "#s = :open AND attempt = :a",
                {
                    ":split": ChunkState.SPLIT,
                    ":open": ChunkState.OPEN,
                    ":a": parent.attempt,
                    ":r": parent.reason or "",
                    ":np": False,
                },
            ),
            self._write(
                "Update",
                items.job_key(parent.job_id),
                "ADD split_budget :spent",
                "#s IN (:submitting, :running) AND split_budget > :none",
                {":spent": -1, ":none": 0, **_ACCEPTING},
            ),
            self._put_new(items.chunk_item(left, _expiry(left))),
            self._put_new(items.chunk_item(right, _expiry(right))),
        ]
        outcome = _settled((yield from self._transact(writes)))
        if outcome is Settled.REFUSED:
            job = yield from self.job(parent.job_id)
            if job is not None and job.state.accepts_results and job.split_budget < 1:
                return Settled.NO_BUDGET
        return outcome

    # -- requests

    def _get(self, key: dict[str, Any]) -> Steps[dict[str, Any] | None]:
        answer = yield Call("dynamodb", "get_item", {"TableName": self.table, "Key": key, "ConsistentRead": True})
        item: dict[str, Any] | None = answer.get("Item")
        return item

    def _query(self, **params: Any) -> Call:
        return Call("dynamodb", "query", {"TableName": self.table, **params})

    def _put_new(self, item: dict[str, Any]) -> dict[str, Any]:
        return {"Put": {"TableName": self.table, "Item": item, "ConditionExpression": "attribute_not_exists(job)"}}

    def _write(
        self,
        kind: str,
        key: dict[str, Any],
        update: str | None,
        condition: str,
        values: dict[str, Any],
        *,
        state: bool = True,
    ) -> dict[str, Any]:
        used = {name: value for name, value in values.items() if value is not None and name in f"{update} {condition}"}
        request: dict[str, Any] = {
            "TableName": self.table,
            "Key": key,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": items.item_of(used),
        }
        if state:
            request["ExpressionAttributeNames"] = {"#s": "state"}
        if update is not None:
            request["UpdateExpression"] = update
        return {kind: request}

    def _update(
        self, key: dict[str, Any], update: str, condition: str, values: dict[str, Any], *, state: bool = True
    ) -> Steps[bool]:
        try:
            yield Call(
                "dynamodb", "update_item", self._write("Update", key, update, condition, values, state=state)["Update"]
            )
        except ConditionFailedError:
            return False
        return True

    def _update_open(
        self, chunk: Chunk, update: str, values: dict[str, Any], attempt: int | None = None
    ) -> Steps[bool]:
        current = {":open": ChunkState.OPEN, ":a": chunk.attempt if attempt is None else attempt}
        key = items.chunk_key(chunk.job_id, chunk.range)
        return (yield from self._update(key, update, "#s = :open AND attempt = :a", {**values, **current}))

    def _transact(self, writes: Sequence[dict[str, Any]]) -> Steps[tuple[str, ...]]:
        """The reasons for which the transaction was cancelled, one for each write; empty when it was carried out."""
        try:
            yield Call("dynamodb", "transact_write_items", {"TransactItems": list(writes)})
        except ConditionFailedError as exc:
            return exc.reasons or (_FAILED,)
        return ()


FINISHING_LEASE_S = 180.0
"""How long a finisher may take before the reconciler finishes in its place; doing it twice is harmless."""

_ACCEPTING = {":submitting": JobState.SUBMITTING, ":running": JobState.RUNNING}


def _opened(reasons: tuple[str, ...]) -> Opened:
    if not reasons:
        return Opened.OPENED
    return Opened.EXISTS if reasons[0] == _FAILED else Opened.CLOSED


def _settled(reasons: tuple[str, ...]) -> Settled:
    if not reasons:
        return Settled.SETTLED
    return Settled.ALREADY if reasons[0] == _FAILED else Settled.REFUSED


def _due(values: dict[str, Any]) -> Due:
    name = values["item"]
    rows = RowRange.parse(name.removeprefix(items.CHUNK)) if name.startswith(items.CHUNK) else None
    return Due(values["job"], rows, values["due_at"])


def _expiry(chunk: Chunk) -> int:
    if chunk.due_at is None:
        raise ValueError(f"a new chunk says when it is due: {chunk.range.name}")
    return int(chunk.due_at) + RETENTION_S
