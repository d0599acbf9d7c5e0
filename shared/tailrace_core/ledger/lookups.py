"""Reads of the ledger's table, as steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tailrace_core.aws.calls import Call, Steps
from tailrace_core.errors import ThrottledError
from tailrace_core.jobs.description import DescribedJob, JobDescription
from tailrace_core.jobs.model import Chunk, Job, JobSettings
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger import items
from tailrace_core.ledger.due_items import DueItem

_BATCH = 100
"""Most items in one BatchGetItem."""


class LookupSteps:
    """The reading half of `DynamoSteps`; reads are consistent, except those through an index."""

    def __init__(self, table: str) -> None:
        self.table = table

    def find_job_key(self, key: str) -> Steps[tuple[str, str] | None]:
        """Find the job id and the fingerprint recorded for a job key."""
        item = yield from self._get(items.job_key_item_key(key))
        if item is None:
            return None
        values = items.decode_item(item)
        return values["job_id"], values["fingerprint"]

    def job(self, job_id: str) -> Steps[Job | None]:
        """Get the job."""
        item = yield from self._get(items.job_item_key(job_id))
        return None if item is None else items.job_from_item(item)

    def settings(self, job_id: str) -> Steps[JobSettings | None]:
        """Get the job's settings."""
        item = yield from self._get(items.settings_item_key(job_id))
        return None if item is None else JobSettings.from_json(items.decode_item(item)["settings"])

    def note(self, job_id: str, name: str) -> Steps[str | None]:
        """Get one of the job's notes."""
        item = yield from self._get(items.note_item_key(job_id, name))
        return None if item is None else str(items.decode_item(item)["note"])

    def description(self, job_id: str) -> Steps[JobDescription]:
        """Get the job's description; an empty one if none was recorded."""
        return JobDescription.from_json((yield from self.note(job_id, items.DESCRIPTION)) or "{}")

    def chunk(self, job_id: str, rows: RowRange) -> Steps[Chunk | None]:
        """Get the chunk."""
        item = yield from self._get(items.chunk_item_key(job_id, rows))
        return None if item is None else items.chunk_from_item(item)

    def chunks_with_jobs(self, wanted: Sequence[tuple[str, RowRange]]) -> Steps[list[tuple[Chunk, Job] | None]]:
        """Get chunks with their jobs."""
        keys = [items.job_item_key(job_id) for job_id in dict.fromkeys(job_id for job_id, _ in wanted)]
        keys += [items.chunk_item_key(*each) for each in dict.fromkeys(wanted)]
        jobs, chunks = dict[str, Job](), dict[tuple[str, RowRange], Chunk]()
        for item in (yield from self._get_all(keys)):
            if items.is_job(item):
                job = items.job_from_item(item)
                jobs[job.job_id] = job
            else:
                chunk = items.chunk_from_item(item)
                chunks[chunk.job_id, chunk.range] = chunk
        return [(chunks[each], jobs[each[0]]) if each in chunks and each[0] in jobs else None for each in wanted]

    def chunks_page(
        self, job_id: str, after: Any = None, *, first_row: int = 0, end: int | None = None, limit: int | None = None
    ) -> Steps[tuple[list[Chunk], Any]]:
        """Read one page of a job's chunks by range, and the next page's start (None if last).

        The first page starts with the chunks that begin at ``first_row`` or later, and no page has
        chunks that begin at ``end`` or later. A page holds at most ``limit`` chunks, or as many as
        the service reads at once.
        """
        last = items.LAST_CHUNK if end is None else items.chunk_item_from(end)
        answer = yield self._query(
            KeyConditionExpression="job = :j AND #i BETWEEN :first AND :last",
            ExpressionAttributeNames={"#i": "item"},
            ExpressionAttributeValues=items.encode_item(
                {":j": job_id, ":first": items.chunk_item_from(first_row), ":last": last}
            ),
            ConsistentRead=True,
            **({"Limit": limit} if limit else {}),
            **({"ExclusiveStartKey": after} if after else {}),
        )
        return [items.chunk_from_item(item) for item in answer["Items"]], answer.get("LastEvaluatedKey")

    def jobs(self, limit: int) -> Steps[list[Job]]:
        """Get the newest jobs; the index that lists them lags by a moment."""
        answer = yield self._query(
            IndexName=items.CREATED_INDEX,
            KeyConditionExpression="kind = :k",
            ExpressionAttributeValues=items.encode_item({":k": items.JOB}),
            ScanIndexForward=False,
            Limit=limit,
        )
        found = yield from self.jobs_of([items.decode_item(item)["job"] for item in answer["Items"]])
        return sorted(found, key=lambda job: job.created_at, reverse=True)

    def job_items(self, job_id: str) -> Steps[tuple[Job, JobSettings, JobDescription] | None]:
        """Get a job, its settings and its description in one read; None if there is no such job."""
        names = [items.JOB, items.SETTINGS, items.NOTE + items.DESCRIPTION]
        found = yield from self._get_all([items.encode_item({"job": job_id, "item": name}) for name in names])
        by_name = {item["item"]["S"]: item for item in found}
        if items.JOB not in by_name or items.SETTINGS not in by_name:
            return None
        text = items.decode_item(by_name[items.SETTINGS])["settings"]
        note = items.decode_item(by_name.get(names[-1], {})).get("note", "{}")
        return items.job_from_item(by_name[items.JOB]), JobSettings.from_json(text), JobDescription.from_json(note)

    def jobs_of(self, job_ids: Sequence[str]) -> Steps[list[Job]]:
        """Get the jobs that exist, in no order."""
        found = yield from self._get_all([items.job_item_key(each) for each in job_ids])
        return [items.job_from_item(item) for item in found]

    def chunks_of(self, wanted: Sequence[tuple[str, RowRange]]) -> Steps[list[Chunk]]:
        """Get the chunks that exist, in no order."""
        found = yield from self._get_all([items.chunk_item_key(job_id, rows) for job_id, rows in wanted])
        return [items.chunk_from_item(item) for item in found]

    def described_jobs(
        self, limit: int, *, since: float | None = None, after: Any = None
    ) -> Steps[tuple[list[DescribedJob], Any]]:
        """Read a page of the newest jobs and their descriptions, newest first, and the next start.

        ``since`` leaves out jobs created before it.
        """
        oldest = items.created_key(since or 0.0)
        answer = yield self._query(
            IndexName=items.CREATED_INDEX,
            KeyConditionExpression="kind = :k AND created_at >= :oldest",
            ExpressionAttributeValues=items.encode_item({":k": items.JOB, ":oldest": oldest}),
            ScanIndexForward=False,
            Limit=limit,
            **({"ExclusiveStartKey": after} if after else {}),
        )
        ids = [items.decode_item(item)["job"] for item in answer["Items"]]
        keys = [key for each in ids for key in (items.job_item_key(each), items.note_item_key(each, items.DESCRIPTION))]
        found = yield from self._get_all(keys)
        texts = [items.decode_item(item) for item in found if "note" in item]
        notes = {each["job"]: JobDescription.from_json(each["note"]) for each in texts}
        jobs = [items.job_from_item(item) for item in found if "note" not in item]
        jobs.sort(key=lambda job: job.created_at, reverse=True)
        described = [DescribedJob(job, notes.get(job.job_id, JobDescription())) for job in jobs]
        return described, answer.get("LastEvaluatedKey")

    def _get_all(self, keys: Sequence[dict[str, Any]]) -> Steps[list[dict[str, Any]]]:
        """Read items by their keys, in no order; those that are not there are left out."""
        found: list[dict[str, Any]] = []
        for start in range(0, len(keys), _BATCH):
            wanted: Any = {self.table: {"Keys": list(keys[start : start + _BATCH]), "ConsistentRead": True}}
            while wanted:
                batch = yield Call("dynamodb", "batch_get_item", {"RequestItems": wanted})
                answered = batch["Responses"].get(self.table, ())
                wanted = batch.get("UnprocessedKeys")
                if wanted and not answered:
                    raise ThrottledError(
                        "dynamodb.batch_get_item: none of the keys was processed; try again in a moment"
                    )
                found += answered
        return found

    def overdue_page(self, shard: int, before: float, after: Any = None) -> Steps[tuple[list[DueItem], Any]]:
        """Read a page of a shard's due items, the longest overdue first, and the next one's start.

        The index lags by a moment. A page holds a megabyte, some thousands of items.
        """
        answer = yield self._query(
            IndexName=items.DUE_INDEX,
            KeyConditionExpression="due_shard = :s AND due_at <= :b",
            ExpressionAttributeValues=items.encode_item({":s": str(shard), ":b": before}),
            **({"ExclusiveStartKey": after} if after else {}),
        )
        return [_due(items.decode_item(item)) for item in answer["Items"]], answer.get("LastEvaluatedKey")

    def attention(self, limit: int) -> Steps[list[DueItem]]:
        """List parked chunks by the time of their parking, the first ``limit``.

        ``due_at`` is the time of the parking. The index lags by a moment.
        """
        found: list[DueItem] = []
        after: Any = None
        while len(found) < limit:
            answer = yield self._query(
                IndexName=items.DUE_INDEX,
                KeyConditionExpression="due_shard = :s",
                ExpressionAttributeValues=items.encode_item({":s": items.ATTENTION}),
                Limit=limit - len(found),
                **({"ExclusiveStartKey": after} if after else {}),
            )
            found += [_due(items.decode_item(item)) for item in answer["Items"]]
            after = answer.get("LastEvaluatedKey")
            if not after:
                break
        return found

    def _get(self, key: dict[str, Any]) -> Steps[dict[str, Any] | None]:
        answer = yield Call("dynamodb", "get_item", {"TableName": self.table, "Key": key, "ConsistentRead": True})
        item: dict[str, Any] | None = answer.get("Item")
        return item

    def _query(self, **params: Any) -> Call:
        return Call("dynamodb", "query", {"TableName": self.table, **params})


def _due(values: dict[str, Any]) -> DueItem:
    name = values["item"]
    rows = RowRange.parse(name.removeprefix(items.CHUNK)) if name.startswith(items.CHUNK) else None
    return DueItem(values["job"], rows, float(values["due_at"]))
