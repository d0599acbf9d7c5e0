"""A result written to S3 whose large parts S3 copies: the same bytes, and little of them read."""

from __future__ import annotations

from typing import Any

import pytest

from tailrace.download.joined_result import batches, open_joined, plan_joined
from tailrace.download.object_upload import S3Target
from tailrace_core.errors import ContractError, InputError, TransientError
from tailrace_core.jobs.model import ChunkState, JobState
from tailrace_core.messages.manifest import Manifest, ManifestPart
from tailrace_core.objects.checksums import checksum
from tests.fakes.multipart_s3 import MultipartS3

MIB = 1024 * 1024
LARGE = (b"x" * (MIB - 1) + b"\n") * 6
BODIES = (b"1\n2\n", LARGE, LARGE, b"3\n", b"4\n", LARGE, b"5\n")


def delivered(s3: MultipartS3, bodies: tuple[bytes, ...] = BODIES) -> Manifest:
    parts, first_row = [], 0
    for number, body in enumerate(bodies):
        s3.put("pipeline", f"parts/{number}", body)
        rows = body.count(b"\n")
        part = ManifestPart(
            first_row=first_row,
            rows=rows,
            state=ChunkState.SCORED,
            key=f"parts/{number}",
            size_bytes=len(body),
            checksum=checksum(body),
        )
        parts.append(part)
        first_row += rows
    return Manifest(
        job_id="job",
        state=JobState.COMPLETED,
        endpoint="e",
        created_at=0,
        finished_at=1,
        rows_total=first_row,
        rows_scored=first_row,
        rows_rejected=0,
        rows_cancelled=0,
        columns=("prediction",),
        parts=tuple(parts),
    )


def download(s3: MultipartS3, manifest: Manifest, **options: Any) -> Any:
    target = S3Target("s3://lake/out.csv", s3, **options)
    plan = plan_joined(target, manifest, safe_csv=False)
    assert plan is not None
    reports: list[Any] = []
    with open_joined(target, plan, manifest, bucket="pipeline", on_progress=reports.append) as joined:
        for batch in batches(plan, concurrency=2, bytes_in_flight=20 * MIB):
            joined.upload(batch)
            assert ("lake", "out.csv") not in s3.objects or options
    assert reports[-1].rows == manifest.rows_total
    return joined.counts()


def test_the_object_is_the_header_and_the_parts() -> None:
    s3 = MultipartS3()
    manifest = delivered(s3)
    counts = download(s3, manifest)
    whole = b"prediction\n" + b"".join(BODIES)
    assert s3.body("lake", "out.csv") == whole
    assert (counts.rows, counts.size_bytes, counts.target) == (manifest.rows_total, len(whole), "s3://lake/out.csv")
    assert s3.made.count("upload_part_copy") >= 1
    assert not s3.uploads


@pytest.mark.parametrize("operation", ["upload_part_copy", "complete_multipart_upload"])
def test_a_failed_call_leaves_nothing(operation: str) -> None:
    class Failing(MultipartS3):
        def __call__(self, call: Any) -> Any:
            if call.operation == operation:
                raise TransientError("S3 is away")
            return super().__call__(call)

    s3 = Failing()
    manifest = delivered(s3)
    with pytest.raises(TransientError):
        download(s3, manifest)
    assert ("lake", "out.csv") not in s3.objects
    assert not s3.uploads


def test_a_damaged_part_is_not_delivered() -> None:
    s3 = MultipartS3()
    manifest = delivered(s3)
    s3.put("pipeline", "parts/2", LARGE.replace(b"x", b"y"))
    with pytest.raises(ContractError, match="the part parts/2 is damaged"):
        download(s3, manifest)
    assert ("lake", "out.csv") not in s3.objects
    assert not s3.uploads


def test_without_clobber_what_exists_is_kept() -> None:
    s3 = MultipartS3()
    s3.put("lake", "out.csv", b"theirs")
    with pytest.raises(InputError, match="exists: name another object"):
        download(s3, delivered(s3), clobber=False)
    assert s3.body("lake", "out.csv") == b"theirs"


@pytest.mark.parametrize(
    ("bodies", "name", "safe_csv"),
    [
        ((b"1\n", b"2\n"), "out.csv", False),
        (BODIES, "out.csv.gz", False),
        (BODIES, "out.parquet", False),
        (BODIES, "out.csv", True),
    ],
)
def test_what_gains_nothing_is_streamed(bodies: tuple[bytes, ...], name: str, *, safe_csv: bool) -> None:
    s3 = MultipartS3()
    target = S3Target(f"s3://lake/{name}", s3)
    assert plan_joined(target, delivered(s3, bodies), safe_csv=safe_csv) is None


def test_a_local_file_is_not_joined_in_s3() -> None:
    assert plan_joined(None, delivered(MultipartS3()), safe_csv=False) is None
