"""Keys of the objects in the stack's bucket. Keys start with the layout's version."""

from __future__ import annotations

from tailrace_core.jobs.ranges import RowRange

JOBS = "v1/jobs/"
"""Tailrace's own objects, by job."""

OUTPUTS = "v1/outputs/"
"""The endpoint's S3OutputPath: the containers' answers, named by the service."""

FAILURES = "v1/failures/"
"""The endpoint's S3FailurePath."""


INBOX = "v1/inbox/"
"""Files that arrive here start jobs, in a stack with an inbox."""

OUTBOX = "v1/outbox/"
"""The results of these jobs, under the names of the files."""


def _object(job_id: str, kind: str, rows: RowRange) -> str:
    return f"{JOBS}{job_id}/{kind}/{rows.name}.csv"


def input_key(job_id: str, rows: RowRange) -> str:
    """Return the key of a chunk's input.

    It holds the sent columns of the chunk's rows, less the rows rejected before sending.
    """
    return _object(job_id, "input", rows)


def kept_key(job_id: str, rows: RowRange) -> str:
    """Return the key of the kept columns of every row of the chunk, one record a row, LF ends."""
    return _object(job_id, "kept", rows)


def part_key(job_id: str, rows: RowRange) -> str:
    """Return the key of the chunk's result, one line for each of its rows."""
    return _object(job_id, "parts", rows)


def rejects_key(job_id: str, rows: RowRange) -> str:
    """Return the key of the chunk's rejected rows: position, reason, original record."""
    return _object(job_id, "rejects", rows)


def rejects_prefix(job_id: str) -> str:
    """Return the prefix of the keys of all rejected rows of a job."""
    return f"{JOBS}{job_id}/rejects/"


def output_key(inference_id: str) -> str:
    """Return the key of an attempt's answer where Tailrace, not the service, stores it.

    A repeated attempt overwrites its own answer alone.
    """
    return f"{OUTPUTS}{inference_id}.out"


def manifest_key(job_id: str) -> str:
    """Return the key of the job's final summary."""
    return f"{JOBS}{job_id}/manifest.json"


def cutting_request_key(job_id: str) -> str:
    """Return the key of the request to cut the job's input remotely."""
    return f"{JOBS}{job_id}/cutting/request.json"


def stripes_key(job_id: str) -> str:
    """Return the key of the job's stripes, one line each."""
    return f"{JOBS}{job_id}/cutting/stripes.jsonl"


def stripe_count_key(job_id: str, stripe: int) -> str:
    """Return the key of what was counted in a stripe."""
    return f"{JOBS}{job_id}/cutting/counts/{stripe:08d}.json"


def stripe_starts_key(job_id: str) -> str:
    """Return the key of where each stripe's rows begin and end, one line for each that has any."""
    return f"{JOBS}{job_id}/cutting/starts.jsonl"
