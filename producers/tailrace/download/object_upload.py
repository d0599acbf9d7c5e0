"""Upload of a result to S3 while it is written: a multipart upload, completed whole or aborted."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tailrace.sources.origins import parse_address
from tailrace_core.aws.calls import Call
from tailrace_core.errors import AccessDeniedError, ConditionFailedError, InputError, NotFoundError, TailraceError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

    from tailrace_core.objects.locations import S3Location

PART_BYTES = 8 * 1024 * 1024
_PARTS_OF_A_SIZE = 1_000
"""S3 takes 10,000 parts. After so many the size doubles: 8 TiB fit, above its limit for objects.
Memory holds one part: 8 MiB for results up to 8 GB."""

_CHECKSUMS = frozenset({"ChecksumCRC32", "ChecksumCRC32C", "ChecksumCRC64NVME", "ChecksumSHA1", "ChecksumSHA256"})

Execute = Callable[[Call], Any]


@dataclass(frozen=True, slots=True)
class S3Target:
    """An object to write. ``execute`` makes a call; without ``clobber`` the object must be new."""

    address: str
    execute: Execute
    clobber: bool = True

    @property
    def location(self) -> S3Location:
        """Bucket and key of the object."""
        from tailrace_core.objects.locations import S3Location  # noqa: PLC0415 - needed for joining only

        return S3Location(*parse_address(self.address))

    @property
    def condition(self) -> dict[str, str]:
        """Condition of S3 for the write."""
        return {} if self.clobber else {"IfNoneMatch": "*"}

    def check(self) -> None:
        """Refuse early an object that could not be written; begin an upload and abort it.

        Raises:
            InputError: the address is none, there is no such bucket, or the object exists although
                it must not.
            AccessDeniedError: the bucket may not be written to.
        """
        if not self.clobber and self._exists():
            raise self._exists_error()
        with self.translated():
            self._call("abort_multipart_upload", UploadId=self._call("create_multipart_upload")["UploadId"])

    @contextmanager
    def open(self) -> Iterator[ObjectUpload]:
        """Yield a file to write to; the object appears when the block ends without an error."""
        with self.translated():
            upload = ObjectUpload(self._call, self.condition)
            try:
                yield upload
                upload.finish()
            except BaseException:
                upload.abort()
                raise

    def _exists(self) -> bool:
        with self.translated():
            try:
                self._call("head_object")
            except NotFoundError:
                return False
            return True

    def _call(self, operation: str, **params: Any) -> Any:
        bucket, key = parse_address(self.address)
        return self.execute(Call("s3", operation, {"Bucket": bucket, "Key": key, **params}))

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Say in errors of the block which object could not be written, and why."""
        try:
            yield
        except NotFoundError as exc:
            if exc.details.get("code") != "NoSuchBucket":
                raise
            raise InputError(f"there is no bucket for {self.address}: check its name") from exc
        except ConditionFailedError as exc:
            raise self._exists_error() from exc
        except AccessDeniedError as exc:
            raise AccessDeniedError(
                f"{self.address} may not be written to ({exc.message}): it takes s3:PutObject and "
                "s3:AbortMultipartUpload, and s3:GetObject to look whether it exists",
                **exc.details,
            ) from exc

    def _exists_error(self) -> InputError:
        return InputError(f"{self.address} exists: name another object, or leave out --no-clobber to replace it")


class ObjectUpload(io.RawIOBase):
    """A binary file that is an object of S3 once it is finished. ``call`` makes a call about it."""

    def __init__(self, call: Callable[..., Any], condition: dict[str, str]) -> None:
        self._call = call
        self._condition = condition
        self._buffer = bytearray()
        self._upload_id: str | None = None
        self._parts: list[dict[str, Any]] = []
        self._size = 0

    def writable(self) -> bool:
        """Return true."""
        return True

    def tell(self) -> int:
        """Return how many bytes were written."""
        return self._size

    def write(self, data: ReadableBuffer, /) -> int:
        """Take bytes, and upload the parts that are full."""
        view = memoryview(data).cast("B")
        self._buffer += view
        self._size += len(view)
        while len(self._buffer) >= (size := PART_BYTES << (len(self._parts) // _PARTS_OF_A_SIZE)):
            self._send(bytes(memoryview(self._buffer)[:size]))
            del self._buffer[:size]
        return len(view)

    def finish(self) -> None:
        """Make the object appear."""
        if self._upload_id is None:
            self._call("put_object", Body=bytes(self._buffer), **self._condition)
            return
        if self._buffer:
            self._send(bytes(self._buffer))
        self._call(
            "complete_multipart_upload",
            UploadId=self._upload_id,
            MultipartUpload={"Parts": self._parts},
            **self._condition,
        )

    def abort(self) -> None:
        """Leave nothing behind. If that cannot be done now, it is left to the bucket's rules."""
        if self._upload_id is not None:
            with contextlib.suppress(TailraceError):
                self._call("abort_multipart_upload", UploadId=self._upload_id)

    def _send(self, body: bytes) -> None:
        if self._upload_id is None:
            self._upload_id = self._call("create_multipart_upload")["UploadId"]
        number = len(self._parts) + 1
        sent = self._call("upload_part", UploadId=self._upload_id, PartNumber=number, Body=body)
        checksums = {name: value for name, value in sent.items() if name in _CHECKSUMS}
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"], **checksums})
