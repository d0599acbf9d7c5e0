"""S3 in memory: one bucket; conditional writes and multipart uploads."""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.faults.memory_aws.errors import refusal


@dataclass(frozen=True)
class Stored:
    body: bytes
    metadata: Mapping[str, str]

    @property
    def etag(self) -> str:
        """The object's ETag, with its quotes."""
        return f'"{zlib.crc32(self.body):08x}"'


@dataclass
class S3:
    """The client's methods.

    ``overwritten`` lists keys whose bytes were replaced by different bytes.
    """

    bucket: str
    objects: dict[str, Stored] = field(default_factory=dict)
    overwritten: list[str] = field(default_factory=list)
    uploads: dict[str, tuple[str, Mapping[str, str], dict[int, bytes]]] = field(default_factory=dict)
    uploads_begun: int = 0

    def put_object(self, **request: Any) -> dict[str, Any]:
        self._check(request["Bucket"], "PutObject")
        key = request["Key"]
        self._check_absent(request, "PutObject")
        self.write(key, bytes(request["Body"]), request.get("Metadata", {}))
        return {"ETag": self.objects[key].etag}

    def get_object(
        self,
        *,
        Bucket: str,  # noqa: N803 boto3's names
        Key: str,  # noqa: N803 boto3's names
        Range: str | None = None,  # noqa: N803 boto3's names
        IfMatch: str | None = None,  # noqa: N803 boto3's names
    ) -> dict[str, Any]:
        self._check(Bucket, "GetObject")
        found = self._find(Key, "NoSuchKey", "GetObject")
        if IfMatch not in {None, found.etag}:
            raise refusal("PreconditionFailed", "At least one of the pre-conditions did not hold", "GetObject", 412)
        body = found.body
        if Range is not None:
            first, last = Range.removeprefix("bytes=").split("-")
            body = body[int(first) : int(last) + 1 if last else None]
        return {"Body": io.BytesIO(body), "ContentLength": len(body), "Metadata": dict(found.metadata)}

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803 boto3's names
        self._check(Bucket, "HeadObject")
        found = self._find(Key, "404", "HeadObject")
        return {"ContentLength": len(found.body), "Metadata": dict(found.metadata), "ETag": found.etag}

    def list_objects_v2(self, *, Bucket: str, Prefix: str, **_: Any) -> dict[str, Any]:  # noqa: N803 boto3's names
        self._check(Bucket, "ListObjectsV2")
        listed = [(key, each) for key, each in sorted(self.objects.items()) if key.startswith(Prefix)]
        contents = [{"Key": key, "Size": len(each.body), "ETag": each.etag} for key, each in listed]
        return {"Contents": contents, "IsTruncated": False}

    def create_multipart_upload(self, **request: Any) -> dict[str, Any]:
        self.uploads_begun += 1
        upload = f"upload-{self.uploads_begun}"
        self.uploads[upload] = (request["Key"], request.get("Metadata", {}), {})
        return {"UploadId": upload}

    def upload_part(self, **request: Any) -> dict[str, Any]:
        self._upload(request["UploadId"], "UploadPart")[2][request["PartNumber"]] = bytes(request["Body"])
        return {"ETag": f'"{request["PartNumber"]}"'}

    def upload_part_copy(self, **request: Any) -> dict[str, Any]:
        body = self._find(request["CopySource"]["Key"], "NoSuchKey", "UploadPartCopy").body
        if "CopySourceRange" in request:
            first, last = request["CopySourceRange"].removeprefix("bytes=").split("-")
            body = body[int(first) : int(last) + 1]
        self._upload(request["UploadId"], "UploadPartCopy")[2][request["PartNumber"]] = body
        return {"CopyPartResult": {"ETag": f'"{request["PartNumber"]}"'}}

    def list_parts(self, **request: Any) -> dict[str, Any]:
        parts = self._upload(request["UploadId"], "ListParts")[2]
        found = [{"PartNumber": each, "Size": len(parts[each]), "ETag": f'"{each}"'} for each in sorted(parts)]
        return {"Parts": found, "IsTruncated": False}

    def complete_multipart_upload(self, **request: Any) -> dict[str, Any]:
        self._check_absent(request, "CompleteMultipartUpload")
        key, metadata, parts = self._upload(request["UploadId"], "CompleteMultipartUpload")
        del self.uploads[request["UploadId"]]
        numbers = [each["PartNumber"] for each in request["MultipartUpload"]["Parts"]]
        self.write(key, b"".join(parts[number] for number in numbers), metadata)
        return {}

    def abort_multipart_upload(self, **request: Any) -> dict[str, Any]:
        if self.uploads.pop(request["UploadId"], None) is None:
            raise refusal("NoSuchUpload", "no such upload", "AbortMultipartUpload", 404)
        return {}

    def list_multipart_uploads(self, *, Bucket: str, Prefix: str) -> dict[str, Any]:  # noqa: N803 boto3's names
        self._check(Bucket, "ListMultipartUploads")
        found = sorted((key, name) for name, (key, _, _) in self.uploads.items() if key.startswith(Prefix))
        return {"Uploads": [{"Key": key, "UploadId": name} for key, name in found], "IsTruncated": False}

    def write(self, key: str, body: bytes, metadata: Mapping[str, str]) -> None:
        """Put an object, like the service does with outputs."""
        before = self.objects.get(key)
        if before is not None and before.body != body:
            self.overwritten.append(key)
        self.objects[key] = Stored(body, dict(metadata))

    def copy_from(self, other: S3) -> None:
        """Take over the data of another bucket."""
        self.objects = dict(other.objects)
        self.overwritten = list(other.overwritten)
        self.uploads = {name: (key, meta, dict(parts)) for name, (key, meta, parts) in other.uploads.items()}
        self.uploads_begun = other.uploads_begun

    def _check(self, bucket: str, operation: str) -> None:
        if bucket != self.bucket:
            raise refusal("NoSuchBucket", f"no bucket {bucket}", operation, 404)

    def _check_absent(self, request: Mapping[str, Any], operation: str) -> None:
        if request.get("IfNoneMatch") == "*" and request["Key"] in self.objects:
            raise refusal("PreconditionFailed", "At least one of the pre-conditions did not hold", operation, 412)
        found = self.objects.get(request["Key"])
        if "IfMatch" in request and (found is None or found.etag != request["IfMatch"]):
            raise refusal("PreconditionFailed", "At least one of the pre-conditions did not hold", operation, 412)

    def _upload(self, upload: str, operation: str) -> tuple[str, Mapping[str, str], dict[int, bytes]]:
        if upload not in self.uploads:
            raise refusal("NoSuchUpload", "no such upload", operation, 404)
        return self.uploads[upload]

    def _find(self, key: str, code: str, operation: str) -> Stored:
        if key not in self.objects:
            raise refusal(
                code, "The specified key does not exist." if code == "NoSuchKey" else "Not Found", operation, 404
            )
        return self.objects[key]
