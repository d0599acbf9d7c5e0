"""Patch of S3's ranged reads of one version of an object."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tailrace_local.cloud.ministack.patching import Patch, PrivateModule

_S3 = PrivateModule(
    "ministack.services.s3",
    "_parse_range(range_header, total)",
    "_range_error_xml(bucket_name, key)",
    "_xml_body(root)",
)
_GET = Patch(
    "ministack.services.s3",
    "_get_object(bucket_name, key, headers, query_params)",
    corrects="MiniStack answers a ranged read of a version with the whole version.",
    why="A stripe of an object is read by version and range: each stripe would get the whole object.",
    until="MiniStack applies the header Range to reads with a versionId.",
)
_CHECKSUM = "x-amz-checksum-"
_OK, _PARTIAL, _NOT_SATISFIABLE = 200, 206, 416

Answer = tuple[int, dict[str, str], bytes]


def read_ranges_of_versions() -> None:
    """Answer a ranged read of a version with the range."""
    s3 = _S3.load()

    def get(
        original: Callable[..., Answer],
        bucket: str,
        key: str,
        headers: Mapping[str, str],
        query: Mapping[str, Any] | None = None,
    ) -> Answer:
        status, answered, body = original(bucket, key, headers, query)
        wanted = headers.get("range")
        if status != _OK or not wanted or not (query or {}).get("versionId"):
            return status, answered, body
        size = len(body)
        found = s3._parse_range(wanted, size)
        if found is None:
            refused = {"Content-Type": "application/xml", "Content-Range": f"bytes */{size}"}
            return _NOT_SATISFIABLE, refused, s3._xml_body(s3._range_error_xml(bucket, key))
        first, last = found
        # A checksum of the whole object says nothing about a part of it.
        kept = {name: value for name, value in answered.items() if not name.lower().startswith(_CHECKSUM)}
        part = {"Content-Length": str(last + 1 - first), "Content-Range": f"bytes {first}-{last}/{size}"}
        return _PARTIAL, {**kept, **part}, body[first : last + 1]

    _GET.wrap(get)
