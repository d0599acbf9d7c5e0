"""S3 in memory as joins see it: it enforces the rules of multipart uploads."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tailrace_core.aws.calls import BodyCall, Call
from tailrace_core.errors import ConditionFailedError, NotFoundError, PermanentError
from tailrace_core.objects.checksums import checksum, to_s3_crc32
from tailrace_core.objects.joining.plan import S3_LIMITS, JoinLimits


@dataclass(frozen=True)
class StoredObject:
    body: bytes
    metadata: Mapping[str, str] = field(default_factory=dict)
    version_id: str = "v0"

    @property
    def etag(self) -> str:
        return f'"{zlib.crc32(self.body):08x}-{len(self.body)}"'


@dataclass
class _Upload:
    bucket: str
    key: str
    metadata: Mapping[str, str]
    parts: dict[int, bytes] = field(default_factory=dict)


@dataclass
class MultipartS3:
    """Executes calls; ``made`` lists them. ``page`` is the size of a page of ListParts."""

    limits: JoinLimits = S3_LIMITS
    objects: dict[tuple[str, str], StoredObject] = field(default_factory=dict)
    versions: dict[tuple[str, str, str], StoredObject] = field(default_factory=dict)
    uploads: dict[str, _Upload] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    page: int = 1000

    def put(self, bucket: str, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> StoredObject:
        stored = StoredObject(body, dict(metadata or {}), f"v{len(self.versions) + 1}")
        self.objects[bucket, key] = self.versions[bucket, key, stored.version_id] = stored
        return stored

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        return sorted(key for owner, key in self.objects if owner == bucket and key.startswith(prefix))

    def body(self, bucket: str, key: str) -> bytes:
        return self.objects[bucket, key].body

    def __call__(self, call: Call) -> Any:
        assert call.service == "s3"
        self.made.append(call.operation)
        answer = getattr(self, call.operation)(**call.params)
        return answer["Body"] if isinstance(call, BodyCall) else answer

    def get_object(self, *, Bucket: str, Key: str, Range: str | None = None, **more: Any) -> dict[str, Any]:  # noqa: N803 boto3's names
        found = self._found(Bucket, Key, more.get("VersionId"))
        if more.get("IfMatch", found.etag) != found.etag:
            raise ConditionFailedError("PreconditionFailed", code="PreconditionFailed")
        body = found.body
        if Range is not None:
            first, last = Range.removeprefix("bytes=").split("-")
            body = body[int(first) : int(last) + 1]
        return {"Body": body}

    def head_object(self, *, Bucket: str, Key: str, VersionId: str | None = None) -> dict[str, Any]:  # noqa: N803 boto3's names
        found = self._found(Bucket, Key, VersionId)
        return {
            "ContentLength": len(found.body),
            "Metadata": dict(found.metadata),
            "ETag": found.etag,
            "VersionId": found.version_id,
        }

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, **more: Any) -> dict[str, Any]:  # noqa: N803 boto3's names
        assert more.get("ChecksumCRC32", to_s3_crc32(checksum(Body))) == to_s3_crc32(checksum(Body))
        self._write(Bucket, Key, Body, more.get("Metadata", {}), more)
        return {"ETag": self.objects[Bucket, Key].etag}

    def create_multipart_upload(self, *, Bucket: str, Key: str, **more: Any) -> dict[str, Any]:  # noqa: N803 boto3's names
        upload_id = f"upload-{len(self.made)}"
        self.uploads[upload_id] = _Upload(Bucket, Key, more.get("Metadata", {}))
        return {"UploadId": upload_id}

    def upload_part(self, *, UploadId: str, PartNumber: int, Body: bytes, **more: Any) -> dict[str, Any]:  # noqa: N803 boto3's names
        assert more["ChecksumCRC32"] == to_s3_crc32(checksum(Body))
        return self._part(UploadId, PartNumber, Body)

    def upload_part_copy(  # boto3's names
        self,
        *,
        UploadId: str,  # noqa: N803
        PartNumber: int,  # noqa: N803
        CopySource: Any,  # noqa: N803
        CopySourceRange: str | None = None,  # noqa: N803
        **_: Any,
    ) -> dict[str, Any]:
        body = self._found(CopySource["Bucket"], CopySource["Key"]).body
        if CopySourceRange is None:
            return {"CopyPartResult": self._part(UploadId, PartNumber, body)}
        if len(body) <= self.limits.min_part_bytes:
            raise PermanentError("InvalidRequest: not supported as a byte-range copy source")
        first, last = map(int, CopySourceRange.removeprefix("bytes=").split("-"))
        if not first <= last < len(body):
            raise PermanentError("InvalidArgument: Range specified is not valid for source object")
        return {"CopyPartResult": self._part(UploadId, PartNumber, body[first : last + 1])}

    def list_parts(self, *, UploadId: str, PartNumberMarker: int, **_: Any) -> dict[str, Any]:  # noqa: N803 boto3's names
        parts = self._upload(UploadId).parts
        numbers = sorted(number for number in parts if number > PartNumberMarker)
        page = numbers[: self.page]
        listed = [{"PartNumber": each, "Size": len(parts[each]), **_proofs(parts[each])} for each in page]
        return {"Parts": listed, "IsTruncated": len(page) < len(numbers), "NextPartNumberMarker": max(page, default=0)}

    def complete_multipart_upload(self, *, UploadId: str, MultipartUpload: Any, **more: Any) -> dict[str, Any]:  # noqa: N803 boto3's names
        upload = self._upload(UploadId)
        named = MultipartUpload["Parts"]
        assert [each["PartNumber"] for each in named] == list(range(1, len(named) + 1))
        bodies = [upload.parts[each["PartNumber"]] for each in named]
        if named != [{"PartNumber": number, **_proofs(body)} for number, body in enumerate(bodies, start=1)]:
            raise PermanentError("InvalidPart")
        if any(len(body) < self.limits.min_part_bytes for body in bodies[:-1]):
            raise PermanentError("EntityTooSmall")
        whole = b"".join(bodies)
        if more["MpuObjectSize"] != len(whole):
            raise PermanentError("InvalidRequest: the size differs")
        if more.get("ChecksumCRC32", to_s3_crc32(checksum(whole))) != to_s3_crc32(checksum(whole)):
            raise PermanentError("BadDigest")
        self._write(upload.bucket, upload.key, whole, upload.metadata, more)
        del self.uploads[UploadId]
        return {}

    def abort_multipart_upload(self, *, UploadId: str, **_: Any) -> dict[str, Any]:  # noqa: N803 boto3's names
        self._upload(UploadId)
        del self.uploads[UploadId]
        return {}

    def list_multipart_uploads(self, *, Bucket: str, Prefix: str) -> dict[str, Any]:  # noqa: N803 boto3's names
        found = [(each.key, name) for name, each in self.uploads.items() if each.bucket == Bucket]
        return {
            "Uploads": [{"Key": key, "UploadId": name} for key, name in sorted(found) if key.startswith(Prefix)],
            "IsTruncated": False,
        }

    def list_objects_v2(self, *, Bucket: str, Prefix: str, **_: Any) -> dict[str, Any]:  # noqa: N803 boto3's names
        found = [(key, self.objects[Bucket, key]) for key in self.keys(Bucket, Prefix)]
        return {"Contents": [{"Key": key, "Size": len(each.body), "ETag": each.etag} for key, each in found]}

    def _part(self, upload_id: str, number: int, body: bytes) -> dict[str, Any]:
        if not 1 <= number <= self.limits.max_parts or not 0 < len(body) <= self.limits.max_part_bytes:
            raise PermanentError(f"InvalidArgument: part {number} of {len(body)} bytes")
        self._upload(upload_id).parts[number] = body
        return _proofs(body)

    def _upload(self, upload_id: str) -> _Upload:
        if upload_id not in self.uploads:
            raise NotFoundError("NoSuchUpload", code="NoSuchUpload")
        return self.uploads[upload_id]

    def _found(self, bucket: str, key: str, version_id: str | None = None) -> StoredObject:
        found = self.objects.get((bucket, key)) if version_id is None else self.versions.get((bucket, key, version_id))
        if found is None:
            raise NotFoundError("NoSuchKey", code="NoSuchKey")
        return found

    def _write(self, bucket: str, key: str, body: bytes, metadata: Mapping[str, str], more: Mapping[str, Any]) -> None:
        found = self.objects.get((bucket, key))
        if more.get("IfNoneMatch") == "*" and found is not None:
            raise ConditionFailedError("PreconditionFailed", code="PreconditionFailed")
        if "IfMatch" in more and (found is None or found.etag != more["IfMatch"]):
            raise ConditionFailedError("PreconditionFailed", code="PreconditionFailed")
        self.put(bucket, key, body, metadata)


def _proofs(body: bytes) -> dict[str, str]:
    return {"ETag": f'"{zlib.crc32(body):08x}"', "ChecksumCRC32": to_s3_crc32(checksum(body))}
