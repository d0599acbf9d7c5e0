"""A deployed job, watched to its end while time passes faster for it than for us."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tailrace import Tailrace
from tailrace_core.jobs import Chunk, ChunkState, Job
from tailrace_core.ledger.items import CHUNK, chunk_key, chunk_of, item_of
from tailrace_local.testing import RunningCloud

POLL_S = 1.0


@dataclass(frozen=True)
class Watch:
    """Looks at jobs of a cloud, lets hours pass for their open chunks, ticks the reconciler as the schedule does."""

    cloud: RunningCloud
    client: Tailrace

    def chunks(self, job_id: str) -> list[Chunk]:
        """Every chunk that the job ever had."""
        pages = self.cloud.client("dynamodb").get_paginator("query").paginate(
            TableName=self.cloud.outputs["LedgerTable"],
            KeyConditionExpression="job = :j AND begins_with(#i, :c)",
            ExpressionAttributeNames={"#i": "item"},
            ExpressionAttributeValues=item_of({":j": job_id, ":c": CHUNK}),
            ConsistentRead=True,
        )  # fmt: skip
        return [chunk_of(item) for page in pages for item in page["Items"]]

    def age(self, job_id: str, seconds: float) -> None:
        """Let ``seconds`` pass for what is open of the job: it was invoked, and is due, that much earlier."""
        dynamodb = self.cloud.client("dynamodb")
        for chunk in self.chunks(job_id):
            if chunk.state is not ChunkState.OPEN or chunk.due_at is None:
                continue
            values = {":d": chunk.due_at - seconds, ":o": ChunkState.OPEN, ":a": chunk.attempt}
            update = "SET due_at = :d"
            if chunk.invoked_at is not None:
                values[":i"] = chunk.invoked_at - seconds
                update += ", invoked_at = :i"
            try:
                dynamodb.update_item(
                    TableName=self.cloud.outputs["LedgerTable"],
                    Key=chunk_key(job_id, chunk.range),
                    UpdateExpression=update,
                    ConditionExpression="#s = :o AND attempt = :a AND attribute_exists(due_at)",
                    ExpressionAttributeNames={"#s": "state"},
                    ExpressionAttributeValues=item_of(values),
                )
            except dynamodb.exceptions.ConditionalCheckFailedException:
                continue  # it moved on meanwhile

    def reconcile(self) -> dict[str, int]:
        """One tick of the deployed reconciler: what it found. A function that a fault killed finds nothing."""
        answer = self.cloud.client("lambda").invoke(FunctionName=self.cloud.functions["ReconcileJobs"])
        found: Any = json.loads(answer["Payload"].read() or b"{}")
        return {} if "FunctionError" in answer else found

    def until_final(self, job_id: str, *, timeout_s: float, aging_s: float = 0.0, every_s: float = 5.0) -> Job:
        """The job in its final state; meanwhile ``aging_s`` pass for it, and the reconciler runs, every ``every_s``."""
        next_tick = time.monotonic() + every_s
        for _ in ticking(f"job {job_id} to reach a final state", timeout_s):
            job = self.client.status(job_id)
            if job.state.final:
                return job
            if aging_s and time.monotonic() >= next_tick:
                self.age(job_id, aging_s)
                self.reconcile()
                next_tick = time.monotonic() + every_s
        raise AssertionError("unreachable")

    def depths(self) -> dict[str, int]:
        """Messages waiting or in flight, by the queue's output name."""
        sqs = self.cloud.client("sqs")
        names = (
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        )
        depths = {}
        for output, url in self.cloud.outputs.items():
            if output.endswith("Queue"):
                answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
                depths[output] = sum(int(answer[name]) for name in names)
        return depths


def ticking(what: str, timeout_s: float) -> Iterator[None]:
    """Comes round every `POLL_S` until ``timeout_s`` are over, and then says what was waited for."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        yield
        time.sleep(POLL_S)
    raise AssertionError(f"waited {timeout_s:.0f} s for {what}")
