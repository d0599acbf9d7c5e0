"""Collects one output with the function's service and S3 client. Only the ledger is in memory."""

from __future__ import annotations

import json
import sys

from tailrace_consumers.adapters.executor import BotocoreExecutor
from tailrace_consumers.adapters.s3_object_store import S3ObjectStore
from tailrace_consumers.collect_results.handler import assemble
from tailrace_consumers.composition import Adapters, Composition
from tailrace_consumers.settings import Settings
from tailrace_core.aws.retrying import retrying
from tailrace_core.jobs.model import Chunk, Job, JobSettings, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.memory import MemoryLedger
from tailrace_core.messages.notifications import decode_notification
from tests.benchmarks.collection import BUCKET, COLUMNS, JOB_ID, OUTPUT_KEY
from tests.benchmarks.report import report
from tests.fakes.consumer_ports import MemoryInvoker, MemoryParkedQueue, MemoryPublisher, MemoryRetryQueue

SETTINGS = Settings(
    bucket=BUCKET,
    ledger_table="none",
    results_topic="none",
    retries_queue="none",
    parked_queue="none",
    endpoint_name="e",
)


def ledger_with(rows: RowRange) -> MemoryLedger:
    """Return a ledger with a job of one invoked chunk."""
    ledger = MemoryLedger()
    job = Job(job_id=JOB_ID, state=JobState.SUBMITTING, created_at=0.0, deadline_at=1e12)
    settings = JobSettings(
        endpoint_name="e", source_columns=("id", "x"), sent_columns=(1,), kept_columns=(0,), output_columns=COLUMNS
    )
    ledger.create_job(job, settings)
    chunk = Chunk(job_id=JOB_ID, range=rows, due_at=0.0, output_location=f"s3://{BUCKET}/{OUTPUT_KEY}")
    ledger.open_chunk(chunk)
    ledger.confirm(chunk)
    return ledger


def collect(rows: RowRange) -> list[object]:
    """Return the outcome of the notification, and the size of the part in the ledger."""
    ledger = ledger_with(rows)
    world = Adapters(
        ledger=ledger,
        store=S3ObjectStore(BUCKET, retrying(BotocoreExecutor())),
        publisher=MemoryPublisher(),
        retries=MemoryRetryQueue(),
        parked=MemoryParkedQueue(),
        invoker=MemoryInvoker(),
    )
    told = {
        "eventName": "InferenceResult",
        "invocationStatus": "Completed",
        "inferenceId": f"{JOB_ID}.0.{rows.rows}.1",
    }
    outcome = assemble(Composition(SETTINGS, world)).handle(decode_notification(json.dumps(told)))
    settled = ledger.chunk(JOB_ID, rows)
    return [str(outcome), settled.part_bytes if settled else None]


if __name__ == "__main__":
    report(lambda: collect(RowRange(0, int(sys.argv[1]))))
