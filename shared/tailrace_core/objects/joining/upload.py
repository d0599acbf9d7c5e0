"""The calls of a join: each part of the plan alone, so that several are under way at once.

An upload is continued with its id: `JoinUpload.uploaded` asks S3 which parts are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tailrace_core.aws.calls import BodyCall, Call, Steps
from tailrace_core.errors import ContractError, NotFoundError, TailraceError
from tailrace_core.objects.checksums import checksum, to_s3_crc32
from tailrace_core.objects.joining.plan import Fragment, JoinPart, JoinPlan
from tailrace_core.objects.locations import S3Location

Uploaded = Mapping[str, Any]
"""A part that S3 has, as CompleteMultipartUpload takes it."""

_KEPT = ("PartNumber", "ETag", "ChecksumCRC32")


class JoinUpload:
    """The steps of joining objects of ``bucket`` into the object at ``target``."""

    def __init__(self, plan: JoinPlan, *, bucket: str, target: S3Location) -> None:
        self._plan = plan
        self._bucket = bucket
        self._target = target

    def put(self, condition: Mapping[str, str], about: Mapping[str, Any]) -> Steps[None]:
        """Write a result of a single request at once.

        ``condition`` is S3's for the write (``IfMatch``, ``IfNoneMatch``), and ``about`` holds
        more parameters of the object (``ContentType``, ``Metadata``).
        """
        body = b""
        for part in self._plan.parts:
            body = yield from self._read(part)
        yield self._call("put_object", Body=body, ChecksumCRC32=to_s3_crc32(checksum(body)), **condition, **about)

    def begin(self, about: Mapping[str, Any]) -> Steps[str]:
        """Begin a multipart upload and return its id. Complete it, or abort it."""
        answer = yield self._call(
            "create_multipart_upload", ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT", **about
        )
        upload_id: str = answer["UploadId"]
        return upload_id

    def uploaded(self, upload_id: str) -> Steps[dict[int, Uploaded]]:
        """Return the parts that S3 has already, by number.

        Raises:
            NotFoundError: the upload was completed or aborted.
        """
        sizes = {part.number: part.size_bytes for part in self._plan.parts}
        found: dict[int, Uploaded] = {}
        marker = 0
        while True:
            answer = yield self._call("list_parts", UploadId=upload_id, PartNumberMarker=marker)
            for each in answer.get("Parts", ()):
                if sizes.get(each["PartNumber"]) == each["Size"]:
                    found[each["PartNumber"]] = _kept(each)
            if not answer.get("IsTruncated"):
                return found
            marker = answer["NextPartNumberMarker"]

    def upload(self, upload_id: str, part: JoinPart) -> Steps[Uploaded]:
        """Copy a part, or read and send it.

        Raises:
            ContractError: an object is not what the plan says.
        """
        if part.copied:
            return (yield from self._copy(upload_id, part))
        body = yield from self._read(part)
        sent = yield self._call(
            "upload_part",
            UploadId=upload_id,
            PartNumber=part.number,
            Body=body,
            ChecksumCRC32=to_s3_crc32(checksum(body)),
        )
        return _kept({**sent, "PartNumber": part.number})

    def complete(self, upload_id: str, uploaded: Mapping[int, Uploaded], condition: Mapping[str, str]) -> Steps[None]:
        """Make the object appear; S3 compares its size and checksum with the plan's.

        Raises:
            ConditionFailedError: the target does not meet the condition.
            NotFoundError: the upload was completed or aborted.
        """
        proof = {} if self._plan.checksum is None else {"ChecksumCRC32": to_s3_crc32(self._plan.checksum)}
        yield self._call(
            "complete_multipart_upload",
            UploadId=upload_id,
            MultipartUpload={"Parts": [uploaded[part.number] for part in self._plan.parts]},
            MpuObjectSize=self._plan.size_bytes,
            ChecksumType="FULL_OBJECT",
            **proof,
            **condition,
        )

    def abort(self, upload_id: str) -> Steps[None]:
        """Leave nothing behind. If that cannot be done now, it is left to the bucket's rules."""
        try:
            yield self._call("abort_multipart_upload", UploadId=upload_id)
        except TailraceError:
            return

    def abort_all(self) -> Steps[None]:
        """Abort every upload of the target, whoever began it and whether or not its id is known.

        Raises:
            TailraceError: S3 cannot say which there are, or does not abort one.
        """
        # Uploads are listed by key, so those of longer keys come behind the target's.
        listing = Call("s3", "list_multipart_uploads", {"Bucket": self._target.bucket, "Prefix": self._target.key})
        for each in (yield listing).get("Uploads", ()):
            if each["Key"] != self._target.key:
                return
            try:
                yield self._call("abort_multipart_upload", UploadId=each["UploadId"])
            except NotFoundError:
                continue  # it has ended meanwhile

    def _copy(self, upload_id: str, part: JoinPart) -> Steps[Uploaded]:
        (fragment,) = part.fragments
        # S3 takes a range of objects above 5 MiB only.
        span = {} if fragment.whole else {"CopySourceRange": f"bytes={fragment.start}-{fragment.stop - 1}"}
        copying = self._call(
            "upload_part_copy",
            UploadId=upload_id,
            PartNumber=part.number,
            CopySource={"Bucket": self._bucket, "Key": fragment.source.key},
            **span,
        )
        answer = yield from self._of(fragment, copying)
        copied = _kept({**answer["CopyPartResult"], "PartNumber": part.number})
        expected = fragment.source.checksum
        found = copied.get("ChecksumCRC32")
        if fragment.whole and expected is not None and found not in {None, to_s3_crc32(expected)}:
            raise self._damaged(fragment, f"its CRC-32 is {found}, {to_s3_crc32(expected)} is expected")
        return copied

    def _read(self, part: JoinPart) -> Steps[bytes]:
        pieces = [part.head]
        for fragment in part.fragments:
            params = {"Bucket": self._bucket, "Key": fragment.source.key}
            if not fragment.whole:
                params["Range"] = f"bytes={fragment.start}-{fragment.stop - 1}"
            data: bytes = yield from self._of(fragment, BodyCall("s3", "get_object", params))
            if len(data) != fragment.size_bytes:
                raise self._damaged(fragment, f"{len(data)} bytes where {fragment.size_bytes} are expected")
            expected = fragment.source.checksum
            if fragment.whole and expected is not None and checksum(data) != expected:
                raise self._damaged(fragment, f"its checksum is {checksum(data)}, {expected} is expected")
            pieces.append(data)
        return b"".join(pieces)

    def _of(self, fragment: Fragment, call: Call) -> Steps[Any]:
        try:
            return (yield call)
        except NotFoundError as exc:
            if exc.details.get("code") != "NoSuchKey":
                raise
            raise self._damaged(fragment, "it is gone") from exc

    def _damaged(self, fragment: Fragment, what: str) -> ContractError:
        return ContractError(
            f"the part {fragment.source.key} is damaged: {what}; nothing of the result was delivered",
            key=fragment.source.key,
        )

    def _call(self, operation: str, **params: Any) -> Call:
        return Call("s3", operation, {"Bucket": self._target.bucket, "Key": self._target.key, **params})


def _kept(answer: Mapping[str, Any]) -> Uploaded:
    return {name: answer[name] for name in _KEPT if answer.get(name)}
