"""Driver of a deployed cloud: watches its jobs to their ends and makes their time pass faster."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tailrace import Tailrace
from tailrace.aws.connections import Boto3Connection
from tailrace_core.jobs.model import Chunk, ChunkState, Job
from tailrace_core.ledger.dynamo_ledger import DynamoLedger
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.ledger.items import chunk_item_key, encode_item, job_item_key
from tailrace_local.testing import RunningCloud

POLL_S = 1.0
_MODEL_S = 120.0
SIX_HOURS_S = 6 * 3600.0 + 2 * 900.0 + 60.0
"""Longer than a request's time to live, its timeout and the reconciler's slack together."""


@dataclass(frozen=True)
class Aging:
    """Aging of open chunks: ``seconds`` pass for them every ``every_s``; the reconciler follows.

    It begins after ``after_s``.
    """

    seconds: float
    every_s: float
    after_s: float = 0.0


@dataclass(frozen=True)
class CloudDriver:
    """Watches a cloud's jobs, ages their open chunks, and runs the reconciler like its schedule."""

    cloud: RunningCloud
    client: Tailrace

    @cached_property
    def ledger(self) -> DynamoLedger:
        """The cloud's ledger, with the deployer's rights."""
        connection = Boto3Connection(session=self.cloud.session(), endpoint_url=self.cloud.endpoint_url)
        return DynamoLedger(DynamoSteps(self.cloud.outputs["LedgerTable"]), connection.execute)

    @property
    def model_url(self) -> str:
        """The URL of a model server behind the endpoint, once one runs.

        A fault may have killed the last one just before.
        """
        for _ in polling("a model server to run", _MODEL_S):
            if found := self.cloud.model_url:
                return found
        raise AssertionError("unreachable")

    def chunks(self, job_id: str) -> list[Chunk]:
        """Return every chunk that the job ever had."""
        return list(self.ledger.chunks(job_id))

    def age(self, job_id: str, seconds: float) -> None:
        """Age the job by ``seconds``, with its control, its open chunks and their invocations."""
        due = {":s": seconds}
        for name in ("due_at", "controlled_at"):
            self._update(job_item_key(job_id), f"SET {name} = {name} - :s", f"attribute_exists({name})", due)
        for chunk in self.chunks(job_id):
            if chunk.state is not ChunkState.OPEN or chunk.due_at is None:
                continue
            update = "SET due_at = due_at - :s" + (", invoked_at = invoked_at - :s" if chunk.invoked_at else "")
            condition = "#s = :o AND attempt = :a AND attribute_exists(due_at)"
            values = {**due, ":o": ChunkState.OPEN, ":a": chunk.attempt}
            self._update(chunk_item_key(job_id, chunk.range), update, condition, values, {"#s": "state"})

    def _update(
        self,
        key: dict[str, Any],
        update: str,
        condition: str,
        values: dict[str, Any],
        names: dict[str, str] | None = None,
    ) -> None:
        dynamodb = self.cloud.client("dynamodb")
        try:
            dynamodb.update_item(
                TableName=self.cloud.outputs["LedgerTable"],
                Key=key,
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues=encode_item(values),
                **({"ExpressionAttributeNames": names} if names else {}),
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return  # the item changed meanwhile

    def reconcile(self) -> dict[str, int]:
        """Run the deployed reconciler once and return its findings; none if a fault killed it."""
        answer = self.cloud.client("lambda").invoke(FunctionName=self.cloud.functions["ReconcileJobs"])
        found: Any = json.loads(answer["Payload"].read() or b"{}")
        return {} if "FunctionError" in answer else found

    def until_final(
        self,
        job_ids: Iterable[str],
        *,
        timeout_s: float,
        aging: Aging | None = None,
        meanwhile: Callable[[list[Job]], None] | None = None,
    ) -> list[Job]:
        """Wait for the jobs' final states and return the jobs.

        Each poll calls ``meanwhile`` with the jobs that are not final yet.
        """
        job_ids = list(job_ids)
        next_tick = time.monotonic() + max(aging.after_s, aging.every_s) if aging else None
        open_jobs: list[Job] = []
        for _ in polling("final states of", timeout_s, about=open_jobs):
            jobs = [self.client.status(job_id) for job_id in job_ids]
            open_jobs[:] = (job for job in jobs if not job.state.final)
            if not open_jobs:
                return jobs
            if meanwhile:
                meanwhile(open_jobs)
            if aging and next_tick is not None and time.monotonic() >= next_tick:
                for job in open_jobs:
                    self.age(job.job_id, aging.seconds)
                self.reconcile()
                next_tick = time.monotonic() + aging.every_s
        raise AssertionError("unreachable")


def polling(what: str, timeout_s: float, *, every_s: float = POLL_S, about: object = "") -> Iterator[None]:
    """Yield every ``every_s`` until ``timeout_s`` pass; then fail with ``what`` and ``about``."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        yield
        time.sleep(every_s)
    raise AssertionError(f"waited {timeout_s:.0f} s for {what} {about}")
