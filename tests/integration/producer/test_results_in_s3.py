"""`download --output s3://…` writes the bytes of `download --output FILE`, in every format."""

from __future__ import annotations

from pathlib import Path

import boto3

from tailrace import JobState, Tailrace
from tests.integration.producer.stack import NAME, Pipeline
from tests.integration.producer.test_processes import shell

LAKE = "lake"
TEXT = "t" * (1 << 20)
ROWS = "".join(f'{row},"{TEXT} ""{row}"" ß",{row * 7}\n' for row in range(13))
"""Six rows give a part that S3 copies, the last one a part that is read."""


def test_a_result_in_s3_is_that_of_a_file(
    stack: Pipeline, moto_url: str, session: boto3.Session, tmp_path: Path
) -> None:
    s3 = stack.client("s3")
    s3.create_bucket(Bucket=LAKE, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    path = tmp_path / "source.csv"
    path.write_text(f"id,text,x\n{ROWS}2,bad\n")
    tailrace = Tailrace(NAME, session=session, endpoint_url=moto_url)
    job = tailrace.submit(path, chunk_rows=6, keep=["id", "text"])
    stack.score(job.job_id)
    assert tailrace.status(job.job_id).state is JobState.COMPLETED_WITH_REJECTS
    names = ("out.csv", "out.csv.gz", "out.csv.zst", "out.parquet")
    commands = "; ".join(f"tailrace download {job.job_id} --stack {NAME} --output s3://{LAKE}/{name}" for name in names)
    done = shell(moto_url, f"set -e; {commands}")
    assert done.returncode == 0, done.stderr.decode()
    for name in names:
        tailrace.download(job.job_id, tmp_path / name)
        assert s3.get_object(Bucket=LAKE, Key=name)["Body"].read() == (tmp_path / name).read_bytes(), name
    copied = s3.head_object(Bucket=LAKE, Key="out.csv")["ETag"].endswith('-2"')
    assert copied, "S3 copies two parts, and the rest is read"
