"""The stack's bucket in S3."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from tailrace_consumers.ports import DeferToSerialError, StoredObject
from tailrace_core.aws.calls import Call
from tailrace_core.aws.errors import translate_exception
from tailrace_core.errors import ConditionFailedError, NotFoundError, TailraceError

BLOCK_BYTES = 1024 * 1024
UPLOAD_PART_BYTES = 8 * 1024 * 1024
"""Size of a part of a multipart upload; smaller objects take one request.

S3 takes 10,000, an output fills 128.
"""

_ABSENT = "*"


class S3ObjectStore:
    """Implements `tailrace_consumers.ports.ObjectStore`."""

    def __init__(
        self,
        bucket: str,
        execute: Callable[[Call], Mapping[str, Any]],
        *,
        upload_part_bytes: int = UPLOAD_PART_BYTES,
        max_bytes: int | None = None,
    ) -> None:
        self._bucket = bucket
        self._execute = execute
        self._upload_part_bytes = upload_part_bytes
        self._most_bytes = max_bytes

    def with_read_limit(self, max_bytes: int) -> S3ObjectStore:
        """Return this bucket with a bound on the size of objects to read."""
        return S3ObjectStore(
            self._bucket, self._execute, upload_part_bytes=self._upload_part_bytes, max_bytes=max_bytes
        )

    def locate(self, key: str) -> str:
        """Return the location of a key, ``s3://bucket/key``."""
        return f"s3://{self._bucket}/{key}"

    def read(self, key: str) -> Iterator[bytes]:
        """Yield the object's bytes in blocks.

        An object above the limit stays unread, which closes its connection.
        """
        answer = self._call("get_object", Key=key)
        body = answer["Body"]
        try:
            if self._most_bytes is not None and answer["ContentLength"] > self._most_bytes:
                raise DeferToSerialError(f"{self.locate(key)} is larger than {self._most_bytes} bytes")
            while block := self._read_block(body, key):
                yield block
        finally:
            body.close()

    def head(self, key: str) -> StoredObject | None:
        """Return size and metadata; None when the object does not exist."""
        try:
            answer = self._call("head_object", Key=key)
        except NotFoundError:
            return None
        return StoredObject(answer["ContentLength"], answer.get("Metadata", {}))

    def put(self, key: str, body: bytes) -> None:
        """Write the object, overwriting an existing one."""
        self._call("put_object", Key=key, Body=body, ContentType="text/csv")

    def put_manifest(self, key: str, body: bytes) -> str:
        """Write a manifest and return its location."""
        self._call("put_object", Key=key, Body=body, ContentType="application/json")
        return self.locate(key)

    def put_new(self, key: str, blocks: Iterable[bytes], metadata: Callable[[], Mapping[str, str]]) -> bool:
        """Write a new object; return False when the key exists."""
        pieces = _pieces(blocks, self._upload_part_bytes)
        first = next(pieces, b"")
        second = next(pieces, None)
        try:
            if second is None:
                self._call(
                    "put_object",
                    Key=key,
                    Body=first,
                    ContentType="text/csv",
                    Metadata=dict(metadata()),
                    IfNoneMatch=_ABSENT,
                )
            else:
                self._put_pieces(key, _chained(first, second, pieces), dict(metadata()))
        except ConditionFailedError:
            return False
        return True

    def _put_pieces(self, key: str, pieces: Iterator[bytes], metadata: dict[str, str]) -> None:
        upload = self._call("create_multipart_upload", Key=key, ContentType="text/csv", Metadata=metadata)["UploadId"]
        try:
            done = [
                {
                    "PartNumber": number,
                    "ETag": self._call("upload_part", Key=key, UploadId=upload, PartNumber=number, Body=piece)["ETag"],
                }
                for number, piece in enumerate(pieces, start=1)
            ]
            self._call(
                "complete_multipart_upload",
                Key=key,
                UploadId=upload,
                MultipartUpload={"Parts": done},
                IfNoneMatch=_ABSENT,
            )
        except BaseException:
            # Uploaded parts are billed until the upload is aborted; the bucket's lifecycle rule
            # aborts what remains.
            self._abort(key, upload)
            raise

    def _abort(self, key: str, upload: str) -> None:
        try:
            self._call("abort_multipart_upload", Key=key, UploadId=upload)
        except TailraceError:
            return

    def _call(self, operation: str, **params: Any) -> Mapping[str, Any]:
        return self._execute(Call("s3", operation, {"Bucket": self._bucket, **params}))

    def _read_block(self, body: Any, key: str) -> bytes:
        try:
            block: bytes = body.read(BLOCK_BYTES)
        except Exception as exc:
            if not type(exc).__module__.startswith(("botocore.", "urllib3.")):
                raise
            raise translate_exception(exc, f"reading {self.locate(key)}") from exc
        return block


def _pieces(blocks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield the same bytes in pieces of ``size``; the last may be smaller."""
    kept: list[bytes] = []
    length = 0
    for block in blocks:
        kept.append(block)
        length += len(block)
        if length > size:
            whole = b"".join(kept)
            for start in range(0, length - size, size):
                yield whole[start : start + size]
            rest = whole[(length - 1) // size * size :]
            kept, length = [rest], len(rest)
    if length:
        yield b"".join(kept)


def _chained(first: bytes, second: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield second
    yield from rest
