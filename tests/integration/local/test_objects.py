"""Versions, ranges, conditions, parts and events of S3, as AWS has them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tailrace_core.aws.calls import BodyCall, Call, run
from tailrace_core.aws.errors import translate_exception
from tailrace_core.errors import TailraceError
from tailrace_core.objects.checksums import checksum
from tailrace_core.objects.joining.plan import JoinSource, plan_join
from tailrace_core.objects.joining.upload import JoinUpload
from tailrace_core.objects.locations import S3Location
from tailrace_local.testing import RunningCloud
from tests.integration.local.executions import received

pytestmark = pytest.mark.cloud
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def s3(cloud: RunningCloud) -> Any:
    return cloud.client("s3")


@pytest.fixture(scope="module")
def bucket(cloud: RunningCloud) -> str:
    return cloud.outputs["StripedBucket"]


def test_a_range_of_an_older_version_is_read(s3: Any, bucket: str) -> None:
    first = s3.put_object(Bucket=bucket, Key="rows", Body=b"0123456789")
    s3.put_object(Bucket=bucket, Key="rows", Body=b"abcdef")
    found = s3.get_object(Bucket=bucket, Key="rows", VersionId=first["VersionId"], Range="bytes=2-4")
    assert found["Body"].read() == b"234"
    assert (found["ContentRange"], found["ContentLength"]) == ("bytes 2-4/10", 3)
    assert (found["VersionId"], found["ETag"]) == (first["VersionId"], first["ETag"])
    with pytest.raises(ClientError, match="InvalidRange"):
        s3.get_object(Bucket=bucket, Key="rows", VersionId=first["VersionId"], Range="bytes=10-")


@pytest.mark.parametrize("members", [(), ("VersionId",)], ids=["the current version", "a version"])
def test_a_range_of_a_changed_object_is_refused(s3: Any, bucket: str, members: tuple[str, ...]) -> None:
    stale = s3.put_object(Bucket=bucket, Key="changed", Body=b"before")["ETag"]
    current = s3.put_object(Bucket=bucket, Key="changed", Body=b"afterwards")
    named = {name: current[name] for name in members}
    with pytest.raises(ClientError, match="PreconditionFailed") as refused:
        s3.get_object(Bucket=bucket, Key="changed", Range="bytes=0-1", IfMatch=stale, **named)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    found = s3.get_object(Bucket=bucket, Key="changed", Range="bytes=0-4", IfMatch=current["ETag"], **named)
    assert found["Body"].read() == b"after"


def test_a_version_that_is_gone_is_refused_by_name(s3: Any, bucket: str) -> None:
    version = s3.put_object(Bucket=bucket, Key="gone", Body=b"x")["VersionId"]
    s3.delete_object(Bucket=bucket, Key="gone", VersionId=version)
    with pytest.raises(ClientError, match="NoSuchVersion"):
        s3.get_object(Bucket=bucket, Key="gone", VersionId=version, Range="bytes=0-0")


def test_lists_come_in_pages_in_the_order_of_keys(s3: Any, bucket: str) -> None:
    keys = [f"pages/{name}" for name in ("b", "a", "ä", "Z", "a b", "a/c")]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    pages = list(
        s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="pages/", PaginationConfig={"PageSize": 2})
    )
    assert len(pages) == 3
    assert [each["Key"] for page in pages for each in page["Contents"]] == sorted(keys, key=str.encode)
    versions = list(
        s3.get_paginator("list_object_versions").paginate(
            Bucket=bucket, Prefix="pages/", PaginationConfig={"PageSize": 4}
        )
    )
    assert sorted(each["Key"] for page in versions for each in page["Versions"]) == sorted(keys)
    assert all(each["IsLatest"] and each["VersionId"] for page in versions for each in page["Versions"])


class Upload:
    """A multipart upload from parts of other objects."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self.names = {"Bucket": bucket, "Key": "joined"}
        self.s3 = s3
        self.upload = {**self.names, "UploadId": s3.create_multipart_upload(**self.names)["UploadId"]}
        self.parts: list[Any] = []

    def copy(self, source: Any, span: str | None = None) -> None:
        number = len(self.parts) + 1
        ranged = {"CopySourceRange": span} if span else {}
        found = self.s3.upload_part_copy(**self.upload, PartNumber=number, CopySource=source, **ranged)
        self.parts.append({"PartNumber": number, "ETag": found["CopyPartResult"]["ETag"]})

    def complete(self) -> bytes:
        self.s3.complete_multipart_upload(**self.upload, MultipartUpload={"Parts": self.parts})
        return bytes(self.s3.get_object(**self.names)["Body"].read())


def test_objects_are_joined_by_parts_of_versions_and_ranges(s3: Any, bucket: str) -> None:
    body = bytes(range(256)) * (6 * MIB // 256)
    version = s3.put_object(Bucket=bucket, Key="large", Body=body)["VersionId"]
    s3.put_object(Bucket=bucket, Key="large", Body=b"another version")
    s3.put_object(Bucket=bucket, Key="small", Body=b"end")
    source = {"Bucket": bucket, "Key": "large", "VersionId": version}
    upload = Upload(s3, bucket)
    upload.copy(source, f"bytes=1-{5 * MIB}")
    upload.copy({"Bucket": bucket, "Key": "small"})
    assert upload.complete() == body[1 : 5 * MIB + 1] + b"end"


def test_a_part_below_five_mebibytes_is_refused_unless_it_is_the_last(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="small", Body=b"x" * (5 * MIB - 1))
    upload = Upload(s3, bucket)
    upload.copy({"Bucket": bucket, "Key": "small"})
    upload.copy({"Bucket": bucket, "Key": "small"})
    with pytest.raises(ClientError, match="EntityTooSmall"):
        upload.complete()


def test_a_range_of_a_small_object_is_not_copied(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="small", Body=b"x" * 1000)
    with pytest.raises(ClientError, match="not supported as a byte-range copy source"):
        Upload(s3, bucket).copy({"Bucket": bucket, "Key": "small"}, "bytes=0-9")


@pytest.mark.parametrize("wrong", [False, True])
def test_a_join_is_proved_by_the_checksum_of_the_whole(s3: Any, bucket: str, *, wrong: bool) -> None:
    large, small = bytes(range(256)) * (5 * MIB // 256), b"1\n2\n"
    s3.put_object(Bucket=bucket, Key="parts/1", Body=large)
    s3.put_object(Bucket=bucket, Key="parts/2", Body=small)
    sources = [JoinSource("parts/1", len(large), checksum(large)), JoinSource("parts/2", len(small), checksum(small))]
    if wrong:
        sources[1] = replace(sources[1], checksum="crc32:00000000")
    plan = plan_join(sources)
    target = S3Location(bucket, f"joined-{wrong}.csv")
    upload = JoinUpload(plan, bucket=bucket, target=target)
    execute = executor_of(s3)
    upload_id = run(upload.begin({"ContentType": "text/csv", "Metadata": {"by": "test"}}), execute)
    run(upload.upload(upload_id, plan.parts[0]), execute)
    uploaded = run(upload.uploaded(upload_id), execute)
    assert list(uploaded) == [1]
    if wrong:
        with pytest.raises(TailraceError):
            run(upload.upload(upload_id, plan.parts[1]), execute)
        sent = s3.upload_part(Bucket=bucket, Key=target.key, UploadId=upload_id, PartNumber=2, Body=small)
        uploaded[2] = {"PartNumber": 2, "ETag": sent["ETag"]}
        with pytest.raises(TailraceError, match="BadDigest"):
            run(upload.complete(upload_id, uploaded, {}), execute)
        return
    uploaded[2] = run(upload.upload(upload_id, plan.parts[1]), execute)
    run(upload.complete(upload_id, uploaded, {"IfNoneMatch": "*"}), execute)
    found = s3.get_object(Bucket=bucket, Key=target.key)
    assert (found["Body"].read(), found["Metadata"]) == (large + small, {"by": "test"})


def executor_of(s3: Any) -> Any:
    """Return the executor of a client, which answers a `BodyCall` with the body."""

    def execute(call: Call) -> Any:
        try:
            answer = getattr(s3, call.operation)(**call.params)
        except ClientError as error:
            raise translate_exception(error, call.operation) from error
        return answer["Body"].read() if isinstance(call, BodyCall) else answer

    return execute


def test_an_object_under_the_prefix_is_announced_with_its_version(cloud: RunningCloud, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="elsewhere/rows.csv", Body=b"1\n")
    made = [s3.put_object(Bucket=bucket, Key="inbox/a b+c.csv", Body=body) for body in (b"1\n", b"1\n2\n")]
    events = received(cloud, lambda event: event["source"] == "aws.s3", 2)
    assert {event["detail"]["object"]["version-id"] for event in events} == {each["VersionId"] for each in made}
    (event,) = [each for each in events if each["detail"]["object"]["version-id"] == made[1]["VersionId"]]
    assert (event["detail-type"], event["resources"]) == ("Object Created", [f"arn:aws:s3:::{bucket}"])
    assert event["detail"]["bucket"] == {"name": bucket}
    assert event["detail"]["reason"] == "PutObject"
    found = event["detail"]["object"]
    assert (found["key"], found["size"], found["etag"]) == ("inbox/a b+c.csv", 4, json.loads(made[1]["ETag"]))
    assert int(found["sequencer"], 16) > 0
