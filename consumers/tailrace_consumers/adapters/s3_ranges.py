"""Ranges of the objects that are cut, read from S3 in the version that was listed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any

from tailrace_core.aws.calls import Call
from tailrace_core.aws.errors import translate_exception
from tailrace_core.errors import AccessDeniedError, ConditionFailedError, InputError, NotFoundError, TransientError
from tailrace_core.submission.striping.denied import denied
from tailrace_core.submission.striping.manifest import SourceObject

BLOCK_BYTES = 1024 * 1024
_TRIES = 5
"""Connections in a row that may break without another byte; the executor's retries are apart."""


class S3Ranges:
    """Implements `tailrace_core.submission.striping.reading.OpenRange` by `open`."""

    def __init__(self, execute: Callable[[Call], Mapping[str, Any]], *, block_bytes: int = BLOCK_BYTES) -> None:
        self._execute = execute
        self._block_bytes = block_bytes

    def open(self, source: SourceObject, start: int, stop: int | None) -> Generator[bytes]:
        """Yield the bytes from ``start`` to ``stop``, or to the object's end if that is before.

        They come in blocks. Where a connection breaks, another one goes on.

        Raises:
            InputError: the object has changed or is gone.
            AccessDeniedError: the function may not read it.
            TransientError: S3 does not respond.
        """
        at, broken = start, 0
        stop = None if stop is None else min(stop, source.size_bytes)
        while stop is None or at < stop:
            body = self._get(source, at, stop)
            try:
                while True:
                    try:
                        block: bytes = body.read(self._block_bytes)
                    except Exception as exc:  # noqa: BLE001 - `_broken` raises it again
                        broken = _broken(exc, source, broken)
                        break
                    if not block:
                        if stop is None or at >= stop:
                            return
                        raise TransientError(f"reading {source.name}: it ended at byte {at} instead of {stop}")
                    at, broken = at + len(block), 0
                    yield block
            finally:
                body.close()

    def _get(self, source: SourceObject, start: int, stop: int | None) -> Any:
        """Return the body of the range; the object's version is demanded, or else its ETag."""
        params: dict[str, Any] = {"Bucket": source.bucket, "Key": source.key}
        if start or stop is not None:
            params["Range"] = f"bytes={start}-{'' if stop is None else stop - 1}"
        if source.version_id is not None:
            params["VersionId"] = source.version_id
        elif source.etag is not None:
            params["IfMatch"] = source.etag
        try:
            return self._execute(Call("s3", "get_object", params))["Body"]
        except (ConditionFailedError, NotFoundError) as exc:
            raise InputError(
                f"{source.name} has changed or is gone since the job began: submit it anew",
                bucket=source.bucket,
                key=source.key,
            ) from exc
        except AccessDeniedError as exc:
            raise denied(source.name, exc) from exc


def _broken(exc: Exception, source: SourceObject, before: int) -> int:
    """Count a connection that broke; raise the error if it was one too many, or is another one."""
    if not type(exc).__module__.startswith(("botocore.", "urllib3.")):
        raise exc
    if before + 1 >= _TRIES:
        raise translate_exception(exc, f"reading {source.name}") from exc
    return before + 1
