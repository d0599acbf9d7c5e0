"""Results written to S3: whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.download.object_upload import PART_BYTES, S3Target
from tailrace.sources.origins import is_address
from tailrace_core.aws.calls import Call
from tailrace_core.errors import AccessDeniedError, ConditionFailedError, InputError, NotFoundError, TransientError


@dataclass
class Bucket:
    """S3 as far as an upload needs it; ``refuses`` maps an operation to the error that it raises."""

    refuses: dict[str, Exception] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, list[bytes]] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)

    def execute(self, call: Call) -> Any:
        self.made.append(call.operation)
        if call.operation in self.refuses:
            raise self.refuses[call.operation]
        return getattr(self, call.operation)(**call.params)

    def head_object(self, *, Bucket: str, Key: str) -> None:  # noqa: N803
        if Key not in self.objects:
            raise NotFoundError(f"no {Key} in {Bucket}", code="404")

    def create_multipart_upload(self, *, Bucket: str, Key: str) -> dict[str, str]:  # noqa: N803
        self.uploads[Bucket + Key] = []
        return {"UploadId": Bucket + Key}

    def upload_part(self, *, UploadId: str, PartNumber: int, Body: bytes, **_: Any) -> dict[str, str]:  # noqa: N803
        self.uploads[UploadId].append(Body)
        assert len(self.uploads[UploadId]) == PartNumber
        return {"ETag": f"e{PartNumber}", "ChecksumCRC32": f"c{PartNumber}", "ServerSideEncryption": "AES256"}

    def complete_multipart_upload(self, *, Key: str, UploadId: str, MultipartUpload: Any, **condition: str) -> None:  # noqa: N803
        parts = self.uploads[UploadId]
        numbers = range(1, len(parts) + 1)
        expected = [{"PartNumber": each, "ETag": f"e{each}", "ChecksumCRC32": f"c{each}"} for each in numbers]
        assert MultipartUpload["Parts"] == expected
        self._put(Key, b"".join(parts), condition)
        del self.uploads[UploadId]

    def put_object(self, *, Key: str, Body: bytes, **condition: str) -> None:  # noqa: N803
        self._put(Key, Body, condition)

    def abort_multipart_upload(self, *, UploadId: str, **_: Any) -> None:  # noqa: N803
        del self.uploads[UploadId]

    def _put(self, key: str, body: bytes, condition: dict[str, str]) -> None:
        if condition.get("IfNoneMatch") == "*" and key in self.objects:
            raise ConditionFailedError("it exists", code="PreconditionFailed")
        self.objects[key] = body


def _target(bucket: Bucket, **options: Any) -> S3Target:
    return S3Target("s3://lake/out.csv", bucket.execute, **options)


@given(sizes=st.lists(st.sampled_from([0, 1, 3, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1]), max_size=4))
def test_what_is_written_is_the_object_in_few_calls(sizes: list[int]) -> None:
    bucket = Bucket()
    blocks = [bytes([index]) * size for index, size in enumerate(sizes)]
    with _target(bucket).open() as file:
        for block in blocks:
            assert file.write(block) == len(block)
            assert bucket.objects == {}
        assert file.tell() == sum(sizes)
    assert bucket.objects == {"out.csv": b"".join(blocks)}
    assert bucket.uploads == {}
    parts = -(-sum(sizes) // PART_BYTES)
    assert len(bucket.made) == (1 if sum(sizes) < PART_BYTES else parts + 2)


@pytest.mark.parametrize("size", [1, PART_BYTES + 1])
def test_a_failure_leaves_nothing(size: int) -> None:
    bucket = Bucket()
    upload = _target(bucket).open()
    upload.__enter__().write(b"x" * size)
    assert not upload.__exit__(RuntimeError, RuntimeError("stop"), None)
    assert (bucket.objects, bucket.uploads) == ({}, {})


@pytest.mark.parametrize("operation", ["upload_part", "complete_multipart_upload", "create_multipart_upload"])
def test_a_failed_call_leaves_nothing(operation: str) -> None:
    bucket = Bucket(refuses={operation: TransientError("S3 is away")})
    with pytest.raises(TransientError, match="S3 is away"), _target(bucket).open() as file:
        file.write(b"x" * (PART_BYTES + 1))
    assert (bucket.objects, bucket.uploads) == ({}, {})


@pytest.mark.parametrize("size", [1, PART_BYTES + 1])
def test_without_clobber_an_object_that_came_meanwhile_is_kept(size: int) -> None:
    bucket = Bucket()
    target = _target(bucket, clobber=False)
    target.check()
    upload = target.open()
    upload.__enter__().write(b"x" * size)
    bucket.objects["out.csv"] = b"theirs"
    with pytest.raises(InputError, match=r"s3://lake/out.csv exists: name another"):
        upload.__exit__(None, None, None)
    assert bucket.objects == {"out.csv": b"theirs"}
    with pytest.raises(InputError, match=r"exists: name another object, or leave out --no-clobber"):
        target.check()
    _target(bucket).check()


def test_the_check_leaves_nothing_behind() -> None:
    bucket = Bucket()
    _target(bucket).check()
    assert bucket.made == ["create_multipart_upload", "abort_multipart_upload"]
    assert (bucket.objects, bucket.uploads) == ({}, {})


@pytest.mark.parametrize(
    ("error", "expected", "message"),
    [
        (NotFoundError("no", code="NoSuchBucket"), InputError, "no bucket for s3://lake/out.csv"),
        (AccessDeniedError("no", code="AccessDenied"), AccessDeniedError, "takes s3:PutObject and"),
    ],
)
def test_a_bucket_that_cannot_be_written_to_is_refused_early(
    error: Exception, expected: type[Exception], message: str
) -> None:
    with pytest.raises(expected, match=message):
        _target(Bucket(refuses={"create_multipart_upload": error})).check()


def test_an_address_needs_a_bucket_and_a_key() -> None:
    with pytest.raises(InputError, match="write s3://bucket/key"):
        S3Target("s3://lake", Bucket().execute).check()
    assert [is_address(each) for each in ("s3://b/k", "s3:/b", "-", b"s3://b/k")] == [True, False, False, False]
