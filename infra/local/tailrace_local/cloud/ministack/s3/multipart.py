"""Patches of S3's multipart uploads: the smallest sizes that AWS takes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from tailrace_local.cloud.ministack.patching import Patch, PrivateModule

_SERVICE = "ministack.services.s3"
_S3 = PrivateModule(
    _SERVICE,
    "_multipart_uploads: AccountScopedDict",
    "_get_object_data(bucket_name, key, version_id)",
    "_error(code, message, status, resource, extra, headers)",
    "_qp(params, key, default)",
)
_COMPLETE = Patch(
    _SERVICE,
    "_complete_multipart_upload(bucket_name, key, body, query_params, headers)",
    corrects="MiniStack completes an upload with parts of any size.",
    why="AWS refuses parts below 5 MiB, but for the last: results joined from small parts would fail there only.",
    until="MiniStack answers EntityTooSmall as AWS does.",
)
_COPY = Patch(
    _SERVICE,
    "_upload_part_copy(bucket_name, dest_key, query_params, headers)",
    corrects="MiniStack copies a range from an object of any size.",
    why="AWS copies ranges only from objects above 5 MiB.",
    until="MiniStack refuses ranges of smaller objects.",
)
SMALLEST_PART_BYTES = 5 * 1024 * 1024
_PART_NUMBER = re.compile(rb"<PartNumber>\s*(\d+)\s*</PartNumber>")

Answer = tuple[int, dict[str, str], bytes]


def enforce_smallest_sizes() -> None:
    """Refuse small parts, and ranges of small objects, as AWS does."""
    s3 = _S3.load()

    def complete(
        original: Callable[..., Answer], bucket: str, key: str, body: bytes, query: Mapping[str, Any], *more: Any
    ) -> Answer:
        upload = s3._multipart_uploads.get(s3._qp(query, "uploadId")) or {"parts": {}}
        numbers = sorted(int(number) for number in _PART_NUMBER.findall(body))
        sizes = [upload["parts"][number]["size"] for number in numbers[:-1] if number in upload["parts"]]
        if any(size < SMALLEST_PART_BYTES for size in sizes):
            message = "Your proposed upload is smaller than the minimum allowed size"
            refused: Answer = s3._error("EntityTooSmall", message, 400, f"/{bucket}/{key}")
            return refused
        return original(bucket, key, body, query, *more)

    def copy(
        original: Callable[..., Answer], bucket: str, key: str, query: Mapping[str, Any], headers: Mapping[str, str]
    ) -> Answer:
        if headers.get("x-amz-copy-source-range"):
            path, _, version = headers.get("x-amz-copy-source", "").lstrip("/").partition("?")
            from_bucket, _, from_key = unquote(path).partition("/")
            body = s3._get_object_data(from_bucket, from_key, parse_qs(version).get("versionId", [None])[0])
            if body is not None and len(body) <= SMALLEST_PART_BYTES:
                message = "The specified copy source is not supported as a byte-range copy source"
                refused: Answer = s3._error("InvalidRequest", message, 400, f"/{bucket}/{key}")
                return refused
        return original(bucket, key, query, headers)

    _COMPLETE.wrap(complete)
    _COPY.wrap(copy)
