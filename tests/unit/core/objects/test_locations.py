"""S3 locations, and the check that they can be trusted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.errors import ContractError
from tailrace_core.objects.locations import S3Location, parse_trusted

KEY = "v1/outputs/1c9a3d2e-77aa-4f0e-9b1d-2f5f0a1b2c3d.out"


@pytest.mark.parametrize(
    "text",
    [
        f"s3://bucket/{KEY}",
        f"https://bucket.s3.eu-west-1.amazonaws.com/{KEY}",
        f"https://bucket.s3-eu-west-1.amazonaws.com/{KEY}",
        f"https://bucket.s3.amazonaws.com/{KEY}",
        f"https://bucket.s3.cn-north-1.amazonaws.com.cn/{KEY}",
        f"https://s3.eu-west-1.amazonaws.com/bucket/{KEY}",
        f"https://s3.cn-northwest-1.amazonaws.com.cn/bucket/{KEY}",
    ],
)
def test_every_form_that_the_service_writes_is_read(text: str) -> None:
    assert S3Location.parse(text) == S3Location("bucket", KEY)
    assert parse_trusted(text, bucket="bucket", prefix="v1/outputs/") == S3Location("bucket", KEY)


def test_a_bucket_with_dots_is_told_from_its_host() -> None:
    assert S3Location.parse("https://my.s3.bucket.s3.eu-west-1.amazonaws.com/a/b") == S3Location("my.s3.bucket", "a/b")


@given(st.text(min_size=1, max_size=40))
def test_keys_are_taken_as_they_stand(key: str) -> None:
    location = S3Location("bucket", key)
    assert S3Location.parse(str(location)) == location


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bucket/key",
        "s3://bucket",
        "s3://bucket/",
        "s3://B/key",
        "s3:///key",
        "S3://bucket/key",
        "file:///etc/passwd",
        "http://bucket.s3.eu-west-1.amazonaws.com/key",
        "https://bucket.s3.eu-west-1.amazonaws.com.evil.example/key",
        "https://evil.example/bucket.s3.eu-west-1.amazonaws.com/key",
        "https://bucket.s3.eu-west-1.amazonaws.com@evil.example/key",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ContractError, match="not an S3 location"):
        S3Location.parse(text)


@pytest.mark.parametrize("bucket", ["other-bucket", "bucket2", "bucke", "bucket.evil"])
def test_a_foreign_bucket_is_not_read(bucket: str) -> None:
    with pytest.raises(ContractError, match="foreign bucket"):
        parse_trusted(f"s3://{bucket}/{KEY}", bucket="bucket", prefix="v1/outputs/")


@pytest.mark.parametrize(
    "key",
    [
        "v1/outputs/",
        "v1/outputs",
        "v1/output/x",
        "v1/outputsx/x",
        "/v1/outputs/x",
        "x/v1/outputs/x",
        "v1/jobs/x",
        "v1/outputs/../jobs/x",
        "v1/outputs/./x",
        "v1/outputs//x",
        "v1/outputs/x/../../jobs/y",
        "v1/outputs/..",
        "v1/outputs/.hidden",
        "v1/outputs/x/",
        "v1/outputs/%2e%2e/x",
        "v1/outputs/x\n",
        "v1/outputs/x\x00",
        "v1/outputs/x?versionId=1",
        "v1/outputs/x y",
        "v1/outputs/x\\y",
        "V1/outputs/x",
        "v1/outputs/" + "x" * 1_024,
    ],
)
def test_keys_that_play_tricks_are_not_read(key: str) -> None:
    with pytest.raises(ContractError):
        parse_trusted(f"s3://bucket/{key}", bucket="bucket", prefix="v1/outputs/")


@given(st.text(max_size=60))
def test_whatever_is_trusted_lies_under_the_prefix(text: str) -> None:
    try:
        location = parse_trusted(f"s3://bucket/v1/outputs/{text}", bucket="bucket", prefix="v1/outputs/")
    except ContractError:
        return
    assert location.key.startswith("v1/outputs/")
    assert ".." not in location.key.split("/")
