"""``collect_batch.py SINK COLUMNS AT_A_TIME BY ROWS ROWS...``: collects a chunk for each ROWS.

The function is warm: it has handled a message before. SINK is the sink's folder; the model answers
COLUMNS. BY is ``function``, or ``botocore`` for the function with botocore's clients.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from tailrace_consumers.adapters.executor import BotocoreExecutor
from tailrace_consumers.adapters.serialized_transactions import serialize_transactions
from tailrace_consumers.collect_results.handler import build, process_event
from tailrace_consumers.composition import Composition, aws_adapters
from tailrace_consumers.runtime.telemetry import EmbeddedMeter
from tailrace_consumers.settings import Settings
from tailrace_core.answers.shape import ColumnType
from tailrace_core.aws.retrying import retrying
from tailrace_core.jobs.model import Chunk, Job, JobSettings, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger import items
from tests.benchmarks.collection import BUCKET, JOB_ID, output_key
from tests.benchmarks.report import report


def chunks_of(rows: list[int]) -> list[Chunk]:
    """Return adjacent invoked chunks with these numbers of rows."""
    return [
        Chunk(
            job_id=JOB_ID,
            range=RowRange(first, end - first),
            due_at=0.0,
            invoked=True,
            output_location=f"s3://{BUCKET}/{output_key(end - first)}",
        )
        for first, end in pairwise(accumulate([0, *rows]))
    ]


def record(folder: Path, columns: tuple[str, ...], chunks: list[Chunk]) -> None:
    """Write the chunks and their job where the sink reads its items."""
    job = Job(job_id=JOB_ID, state=JobState.SUBMITTING, created_at=0.0, deadline_at=1e12)
    settings = JobSettings(
        endpoint_name="bench",
        source_columns=("id", "x"),
        sent_columns=(1,),
        kept_columns=(0,),
        output_columns=columns,
        output_type=ColumnType.TEXT,
    )
    found = [
        items.job_item(job, 0),
        items.settings_item_key(JOB_ID) | items.encode_item({"settings": settings.to_json()}),
    ]
    for item in (*found, *(items.chunk_item(each, 0) for each in chunks)):
        (folder / "items" / f"{JOB_ID}!{item['item']['S']}").write_text(json.dumps(item))


def event_of(chunks: list[Chunk]) -> dict[str, Any]:
    """Return the Lambda event of a batch of the chunks' notifications."""
    told = [
        {
            "eventName": "InferenceResult",
            "invocationStatus": "Completed",
            "inferenceId": str(each.inference_id),
            "responseParameters": {"outputLocation": each.output_location},
        }
        for each in chunks
    ]
    return {"Records": [{"messageId": each["inferenceId"], "body": json.dumps(each)} for each in told]}


def with_botocore() -> Composition:
    """Build the function with botocore's client for each call."""
    settings = Settings.from_environment(os.environ)
    execute = retrying(serialize_transactions(BotocoreExecutor()))
    return Composition(settings, aws_adapters(settings, execute, meter=EmbeddedMeter()))


def main(folder: Path, columns: tuple[str, ...], at_a_time: int, by: str, rows: list[int]) -> None:
    """Report the answer to the batch, and the number of scored chunks in the log."""
    warming, *chunks = chunks_of([rows[0], *rows])
    record(folder, columns, [warming, *chunks])
    made = with_botocore() if by == "botocore" else build()
    log = io.StringIO()
    with contextlib.redirect_stdout(log):
        process_event(event_of([warming]), made)

    def collect() -> list[object]:
        with contextlib.redirect_stdout(log):
            answer = process_event(event_of(chunks), made, concurrency=at_a_time)
        return [answer["batchItemFailures"], log.getvalue().count('"message":"ChunksScored"')]

    report(collect)


if __name__ == "__main__":
    _, folder, columns, at_a_time, by, *rows = sys.argv
    main(Path(folder), tuple(columns.split(",")), int(at_a_time), by, [int(each) for each in rows])
