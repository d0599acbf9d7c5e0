"""Names of outputs, and manifests."""

from __future__ import annotations

import pytest

from tailrace_local.sagemaker.errors import StorageError
from tailrace_local.sagemaker.inference.transform.inputs import read_manifest, relative_name, split_uri


@pytest.mark.parametrize(
    ("key", "prefix", "name"),
    [
        ("jobs/1/in/000.csv", "jobs/1/in/", "000.csv"),
        ("data/a/x.csv", "data", "a/x.csv"),
        ("data/part-1.csv", "data/part", "part-1.csv"),
        ("data/x.csv", "data/x.csv", "x.csv"),
        ("x.csv", "", "x.csv"),
    ],
)
def test_an_output_is_named_after_the_key_below_the_prefix(key: str, prefix: str, name: str) -> None:
    assert relative_name(key, prefix) == name


@pytest.mark.parametrize(
    ("uri", "parts"),
    [("s3://b/in/", ("b", "in/")), ("s3://b", ("b", "")), ("https://b.s3.eu-west-1.amazonaws.com/in/x", ("b", "in/x"))],
)
def test_a_uri_has_a_bucket_and_perhaps_a_prefix(uri: str, parts: tuple[str, str]) -> None:
    assert split_uri(uri) == parts


def test_a_manifest_is_a_prefix_and_names() -> None:
    assert read_manifest("m", b'[{"prefix": "s3://b/in/"}, "1.csv", "a/2.csv"]') == ("s3://b/in/", ["1.csv", "a/2.csv"])


@pytest.mark.parametrize("raw", [b"", b"[]", b'["1.csv"]', b'{"prefix": "s3://b/"}', b'[{"prefix": "s3://b/"}, 1]'])
def test_anything_else_is_no_manifest(raw: bytes) -> None:
    with pytest.raises(StorageError, match="a manifest is a JSON list"):
        read_manifest("s3://b/m.json", raw)
