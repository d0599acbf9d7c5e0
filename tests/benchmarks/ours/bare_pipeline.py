"""The work of a submit that waits, with boto3 alone: no ledger, no checks, no verification.

It needs the project's environment, for its boto3.
"""

from __future__ import annotations

import itertools
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
from botocore.config import Config

_THREADS = 8
_POLL_S = 0.1
_PATIENCE_S = 120.0


def main(bucket: str, endpoint: str, chunk_rows: int, source: Path, target: Path) -> None:
    """Cut, upload, invoke, wait for each output in turn, and join them below a header."""
    session, settings = boto3.Session(), Config(max_pool_connections=_THREADS)
    s3, runtime = (session.client(each, config=settings) for each in ("s3", "sagemaker-runtime"))

    def send(number: int, body: bytes) -> str:
        key = f"bare/{source.stem}-{time.time_ns()}-{number}.csv"
        s3.put_object(Bucket=bucket, Key=key, Body=body)
        answer = runtime.invoke_endpoint_async(
            EndpointName=endpoint, InputLocation=f"s3://{bucket}/{key}", ContentType="text/csv", Accept="text/csv"
        )
        return str(answer["OutputLocation"])

    def fetch(location: str) -> bytes:
        until = time.monotonic() + _PATIENCE_S
        key = location.removeprefix(f"s3://{bucket}/")
        while True:
            try:
                body: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            except s3.exceptions.NoSuchKey:
                if time.monotonic() > until:
                    raise
                time.sleep(_POLL_S)
            else:
                return body

    with source.open("rb") as file, target.open("wb") as joined, ThreadPoolExecutor(_THREADS) as threads:
        next(file)
        bodies = iter(lambda: b"".join(itertools.islice(file, chunk_rows)), b"")
        locations = list(threads.map(send, itertools.count(), bodies))
        joined.write(b"prediction\n")
        for output in threads.map(fetch, locations):
            joined.write(output if output.endswith(b"\n") else output + b"\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]), Path(sys.argv[5]))
