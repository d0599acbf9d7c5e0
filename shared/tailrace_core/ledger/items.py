"""Items of jobs and chunks in the ledger's table, with DynamoDB's typed values.

The table has the keys ``job`` and ``item``. ``item`` is ``job`` (state and counters), ``settings``
(written once, so that the counters' item stays small), or ``chunk#<range>``. A job key has its own
item under ``job = key#<key>``.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Any

from tailrace_core.errors import InputError
from tailrace_core.jobs.history import History, HistoryEntry
from tailrace_core.jobs.model import Chunk, ChunkState, Job, JobSettings, JobState, QueuedRetry
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger import rules

JOB = "job"
SETTINGS = "settings"
CHUNK = "chunk#"
LAST_CHUNK = "chunk#~"
"""Sort key after every chunk: chunk names begin with digits."""
KEY = "key#"
NOTE = "note#"
DESCRIPTION = "description"
"""Name of the note that holds a job's description."""
DUE_INDEX = "due"
CREATED_INDEX = "created"
SHARDS = 8
"""Shards of the index of due items: one partition of an index takes 1,000 writes a second, and a
chunk needs a few."""

ATTENTION = "parked"
"""Shard of the index of due items that holds the parked chunks, by the time of their parking. The
reconciler does not read it."""

MAX_ITEM_BYTES = 400_000
"""Largest item; DynamoDB's limit is 400 KB, of 1,024 bytes."""

MAX_SETTINGS_BYTES = MAX_ITEM_BYTES - 1_000
"""Largest settings without the endpoint's name: the rest of the item takes less than is left."""

MAX_JOB_KEY_BYTES = 1_024
"""Longest job key; DynamoDB's limit for a partition key is 2,048 bytes."""


def encode_value(value: Any) -> dict[str, Any]:
    """Encode a value for DynamoDB's low-level API."""
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | float):
        return {"N": repr(value)}
    if isinstance(value, tuple | list):
        return {"L": [encode_value(each) for each in value]}
    return {"S": str(value)}


def decode_item(item: dict[str, Any]) -> dict[str, Any]:
    """Decode an item to plain values."""
    # Each value is a pair of type and text; this is the fastest way to take it apart.
    return {
        name: _number(value) if kind == "N" else value for name, typed in item.items() for kind, value in typed.items()
    }


def _number(text: str) -> int | float:
    return int(text) if text.isdecimal() or text.lstrip("-").isdecimal() else float(text)


def encode_item(values: dict[str, Any]) -> dict[str, Any]:
    """Encode plain values as an item, without those that are None."""
    return {name: encode_value(value) for name, value in values.items() if value is not None}


def check_settings(settings: JobSettings) -> None:
    """Raise InputError for settings that are too large for an item.

    The answer does not depend on the endpoint's name, so that a dry run finds the same.
    """
    size_bytes = len(replace(settings, endpoint_name="").to_json().encode())
    if size_bytes > MAX_SETTINGS_BYTES:
        raise InputError(
            f"the job's settings (probably the names of its {len(settings.source_columns)} columns) take {size_bytes} "
            f"bytes, the ledger has room for {MAX_SETTINGS_BYTES}: submit a file with fewer columns or shorter names",
            size_bytes=size_bytes,
        )


def check_job_key(key: str) -> None:
    """Raise InputError for a job key that cannot be a key of the table."""
    if not 1 <= len(key.encode()) <= MAX_JOB_KEY_BYTES:
        raise InputError(f"a job key takes 1 to {MAX_JOB_KEY_BYTES} bytes: {key[:100]!r}", job_key=key)


def job_item_key(job_id: str) -> dict[str, Any]:
    """Return the key of a job's item."""
    return encode_item({"job": job_id, "item": JOB})


def is_job(item: dict[str, Any]) -> bool:
    """Return whether an item is a job's own, not one of its chunks."""
    return bool(item["item"] == {"S": JOB})


def settings_item_key(job_id: str) -> dict[str, Any]:
    """Return the key of the item with a job's settings."""
    return encode_item({"job": job_id, "item": SETTINGS})


def note_item_key(job_id: str, name: str) -> dict[str, Any]:
    """Return the key of one of a job's notes."""
    return encode_item({"job": job_id, "item": NOTE + name})


def chunk_item_key(job_id: str, rows: RowRange) -> dict[str, Any]:
    """Return the key of a chunk's item."""
    return encode_item({"job": job_id, "item": CHUNK + rows.name})


def chunk_item_from(first_row: int) -> str:
    """Return the sort key from which the chunks begin at this row or later."""
    return f"{CHUNK}{first_row:012d}"


def job_key_item_key(key: str) -> dict[str, Any]:
    """Return the key of a job key's item."""
    return encode_item({"job": KEY + key, "item": KEY})


def shard_of(item: str, job_id: str) -> str:
    """Return an item's shard in the index of due items."""
    return str(zlib.crc32(f"{job_id}/{item}".encode()) % SHARDS)


def job_item(job: Job, expires_at: int) -> dict[str, Any]:
    """Encode a new job as an item."""
    return encode_item(
        {
            "job": job.job_id,
            "item": JOB,
            "kind": JOB,
            "state": job.state,
            "created_at": created_key(job.created_at),
            "deadline_at": job.deadline_at,
            "rows_scored": job.rows_scored,
            "rows_rejected": job.rows_rejected,
            "rows_not_isolated": job.rows_not_isolated or None,
            "rows_cancelled": job.rows_cancelled,
            "rows_settled": job.rows_settled,
            "split_budget": job.split_budget,
            "splits_spent": job.splits_spent or None,
            "times_parked": job.times_parked,
            "chunks_in_flight": job.chunks_in_flight,
            "chunks_waiting": job.chunks_waiting,
            "waiting_from": job.waiting_from,
            "waiting_version": job.waiting_version or None,
            "frontier": job.frontier,
            "children_waiting": job.children_waiting or None,
            "probed": encode_ranges(job.probed),
            "probed_since": job.probed_since,
            "controls_sent": job.controls_sent or None,
            "controls_scored": job.controls_scored or None,
            "controls_failed": job.controls_failed or None,
            "controlled_at": job.controlled_at,
            "due_shard": shard_of(JOB, job.job_id),
            "due_at": rules.first_check_at(job),
            "expires_at": expires_at,
        }
    )


def job_from_item(item: dict[str, Any]) -> Job:
    """Decode a job from its item."""
    values = decode_item(item)
    return Job(
        job_id=values["job"],
        state=JobState(values["state"]),
        created_at=float(values["created_at"]),
        deadline_at=float(values["deadline_at"]),
        rows_total=values.get("rows_total"),
        rows_scored=values["rows_scored"],
        rows_rejected=values["rows_rejected"],
        rows_not_isolated=values.get("rows_not_isolated", 0),
        rows_cancelled=values["rows_cancelled"],
        split_budget=values["split_budget"],
        splits_spent=values.get("splits_spent", 0),
        outcome=JobState(values["outcome"]) if "outcome" in values else None,
        reason=values.get("reason"),
        times_parked=values["times_parked"],
        chunks_in_flight=values.get("chunks_in_flight", 0),
        chunks_waiting=values.get("chunks_waiting", 0),
        waiting_from=values.get("waiting_from"),
        waiting_version=values.get("waiting_version", 0),
        frontier=values.get("frontier"),
        children_waiting=values.get("children_waiting", 0),
        probed=_ranges(values.get("probed")),
        probed_since=values.get("probed_since"),
        controls_sent=values.get("controls_sent", 0),
        controls_scored=values.get("controls_scored", 0),
        controls_failed=values.get("controls_failed", 0),
        controlled_at=_time(values.get("controlled_at")),
        finishing_at=_time(values.get("finishing_at")),
        history=history_of(item),
    )


def created_key(created_at: float) -> str:
    """Return a time as the sort key of `CREATED_INDEX`.

    It is a text of fixed width, so that it sorts as the numbers do.
    """
    return f"{created_at:020.9f}"


def encode_ranges(ranges: tuple[RowRange, ...]) -> str | None:
    """Encode ranges as one text; None if there is none."""
    return " ".join(each.name for each in ranges) or None


def _ranges(text: str | None) -> tuple[RowRange, ...]:
    return tuple(map(RowRange.parse, (text or "").split()))


def _time(value: float | None) -> float | None:
    return None if value is None else float(value)


def history_of(item: dict[str, Any]) -> History:
    """Decode the history of a job or a chunk from its item."""
    # An update whose answer was lost is repeated, and its entry with it.
    texts = dict.fromkeys(text["S"] for text in item.get("history", {}).get("L", ()))
    return tuple(map(HistoryEntry.from_text, texts))


def chunk_item(chunk: Chunk, expires_at: int) -> dict[str, Any]:
    """Encode a new chunk as an item."""
    item = CHUNK + chunk.range.name
    due = chunk.state is ChunkState.OPEN and chunk.due_at is not None and not chunk.waiting
    return encode_item(
        {
            "job": chunk.job_id,
            "item": item,
            "state": chunk.state,
            "attempt": chunk.attempt,
            "tries": chunk.tries,
            "inference_id": None if chunk.waiting else chunk.inference_id,
            "invoked": chunk.invoked,
            "invoked_at": chunk.invoked_at,
            "settled_at": chunk.settled_at,
            "output_location": chunk.output_location,
            "failure_location": chunk.failure_location,
            "due_shard": shard_of(item, chunk.job_id) if due else None,
            "due_at": chunk.due_at if due else None,
            "reason": rules.truncate_reason(chunk.reason),
            "rejected": chunk.rejected,
            "not_isolated": chunk.not_isolated or None,
            "split_grant": chunk.split_grant or None,
            "input_checksum": chunk.input_checksum,
            "part_checksum": chunk.part_checksum,
            "part_bytes": chunk.part_bytes,
            "parked": chunk.parked,
            "answered": chunk.answered or None,
            "redrives": chunk.redrives,
            "attempts_before": chunk.attempts_before or None,
            "retry_at": None if chunk.retry is None else chunk.retry.at,
            "retry_tries": None if chunk.retry is None else chunk.retry.tries,
            "retry_held": None if chunk.retry is None else chunk.retry.held,
            "scored_before": chunk.scored_before,
            "expires_at": expires_at,
        }
    )


def chunk_from_item(item: dict[str, Any]) -> Chunk:
    """Decode a chunk from its item."""
    values = decode_item(item)
    return Chunk(
        job_id=values["job"],
        range=RowRange.parse(values["item"].removeprefix(CHUNK)),
        state=ChunkState(values["state"]),
        attempt=values["attempt"],
        tries=values["tries"],
        invoked=values["invoked"],
        invoked_at=_time(values.get("invoked_at")),
        received_at=_time(values.get("received_at")),
        completed_at=_time(values.get("completed_at")),
        settled_at=_time(values.get("settled_at")),
        parked_at=_time(values.get("parked_at")),
        output_location=values.get("output_location"),
        failure_location=values.get("failure_location"),
        # In the index, a parked chunk stands at the time of its parking, in a shard of its own.
        due_at=None if values["parked"] else _time(values.get("due_at")),
        reason=values.get("reason") or None,
        rejected=values["rejected"],
        not_isolated=values.get("not_isolated", 0),
        split_grant=values.get("split_grant", 0),
        input_checksum=values.get("input_checksum"),
        part_checksum=values.get("part_checksum"),
        part_bytes=values.get("part_bytes"),
        parked=values["parked"],
        answered=values.get("answered", False),
        redrives=values["redrives"],
        attempts_before=values.get("attempts_before", 0),
        retry=_retry(values),
        scored_before=values.get("scored_before"),
        history=history_of(item),
    )


def _retry(values: dict[str, Any]) -> QueuedRetry | None:
    if "retry_at" not in values:
        return None
    return QueuedRetry(float(values["retry_at"]), values["retry_tries"], values["retry_held"])
