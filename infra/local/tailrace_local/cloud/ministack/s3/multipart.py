"""Patches of S3's multipart uploads: the smallest sizes that AWS takes, and whole checksums."""

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
    "_compute_s3_checksum(algorithm, body)",
)
_COMPLETE = Patch(
    _SERVICE,
    "_complete_multipart_upload(bucket_name, key, body, query_params, headers)",
    corrects="MiniStack completes an upload with parts of any size, and knows no checksum of the full object.",
    why="AWS refuses parts below 5 MiB, but for the last: results joined from small parts would fail there only. It "
    "proves a joined result by the checksum of the whole, which MiniStack takes for one of the parts' checksums.",
    until="MiniStack answers EntityTooSmall as AWS does, and knows the checksum type FULL_OBJECT.",
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


def enforce_rules_of_uploads() -> None:
    """Refuse small parts, ranges of small objects, and wrong checksums of the whole."""
    s3 = _S3.load()

    def complete(
        original: Callable[..., Answer],
        bucket: str,
        key: str,
        body: bytes,
        query: Mapping[str, Any],
        headers: Mapping[str, str],
    ) -> Answer:
        upload = s3._multipart_uploads.get(s3._qp(query, "uploadId")) or {"parts": {}}
        numbers = sorted(int(number) for number in _PART_NUMBER.findall(body))
        parts = [upload["parts"][number] for number in numbers if number in upload["parts"]]
        if any(part["size"] < SMALLEST_PART_BYTES for part in parts[:-1]):
            message = "Your proposed upload is smaller than the minimum allowed size"
            refused: Answer = s3._error("EntityTooSmall", message, 400, f"/{bucket}/{key}")
            return refused
        if headers.get("x-amz-checksum-type") == "FULL_OBJECT":
            name = f"x-amz-checksum-{(upload.get('checksum_algorithm') or 'crc32').lower()}"
            found = s3._compute_s3_checksum(name.rpartition("-")[2].upper(), b"".join(part["body"] for part in parts))
            if headers.get(name, found) != found:
                message = f"The {name} you specified did not match the calculated checksum."
                wrong: Answer = s3._error("BadDigest", message, 400, f"/{bucket}/{key}")
                return wrong
            headers = {each: value for each, value in headers.items() if each != name}
        return original(bucket, key, body, query, headers)

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
