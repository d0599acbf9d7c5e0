"""Origins: the files, streams and objects of an input, and how to open them.

`tailrace.sources.resolving` finds those that names stand for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from tailrace_core.errors import InputError

if TYPE_CHECKING:
    from tailrace_core.aws.calls import Call
    from tailrace_core.objects.listing import ListedObject
    from tailrace_core.submission.striping.manifest import SourceObject

STDIN = "-"
S3_SCHEME = "s3://"
_ADDRESS = re.compile(r"s3://([A-Za-z0-9._-]{1,255})/([^\ud800-\udfff]+)", re.DOTALL)
"""Bucket names as botocore accepts them, the oldest included; keys as text, without bytes that are
not UTF-8."""


class Readable(Protocol):
    """A stream of bytes; ``read`` returns at most ``size`` bytes, and none only at the end."""

    def read(self, size: int, /) -> bytes: ...  # noqa: D102 - the class says it
    def close(self) -> None: ...  # noqa: D102 - the class says it


@dataclass(frozen=True, slots=True)
class RemoteObject:
    """An opened object: its body, and its size in bytes and its ETag if these are known."""

    body: Readable
    size_bytes: int | None
    etag: str | None = None


OpenObject: TypeAlias = "Callable[..., RemoteObject]"
"""Opens ``bucket, key`` for streaming; raises ``NotFoundError`` when there is no such object.

A third argument is the ETag to demand; a caller passes it for an object whose ETag it was told.
"""


class S3Objects:
    """The objects of S3: an `OpenObject` that also lists them.

    ``execute`` makes a call; ``body`` makes the body of its answer one that can be read here.
    """

    def __init__(self, execute: Callable[[Call], Any], body: Callable[[Any], Readable] = lambda body: body) -> None:
        self._execute = execute
        self._body = body

    def __call__(self, bucket: str, key: str, etag: str | None = None) -> RemoteObject:
        """Open an object for streaming, with that ETag if one is given.

        Raises:
            NotFoundError: there is no such object.
            ConditionFailedError: it has another ETag.
        """
        from tailrace_core.aws.calls import Call  # noqa: PLC0415 - most inputs are files

        demanded = {} if etag is None else {"IfMatch": etag}
        answer = self._execute(Call("s3", "get_object", {"Bucket": bucket, "Key": key, **demanded}))
        return RemoteObject(self._body(answer["Body"]), answer["ContentLength"], answer.get("ETag"))

    def read_range(self, stored: SourceObject, start: int, stop: int) -> bytes:
        """Return the bytes of an object from ``start`` to ``stop``.

        Raises:
            NotFoundError: there is no such object.
            ConditionFailedError: it has another ETag.
        """
        from tailrace_core.aws.calls import Call  # noqa: PLC0415 - as above

        params = {"Bucket": stored.bucket, "Key": stored.key, "Range": f"bytes={start}-{stop - 1}"}
        demanded = {} if stored.etag is None else {"IfMatch": stored.etag}
        body = self._body(self._execute(Call("s3", "get_object", {**params, **demanded}))["Body"])
        try:
            return b"".join(iter(lambda: body.read(stop - start), b""))
        finally:
            body.close()

    def sources(self, bucket: str, prefix: str, pattern: str | None) -> list[ListedObject]:
        """List the objects below a prefix; see `tailrace_core.objects.listing.list_sources`."""
        from tailrace_core.aws.calls import run  # noqa: PLC0415 - as above
        from tailrace_core.objects.listing import list_sources  # noqa: PLC0415 - as above

        return run(list_sources(bucket, prefix, pattern), self._execute)


@dataclass(frozen=True, slots=True)
class Origin:
    """One file, stream or object.

    If it is not ``reopenable``, it can be read only once and is not checked early. One that
    ``is_table`` has column names in any case.
    """

    name: str
    open: Callable[[], Readable]
    size_bytes: int | None
    reopenable: bool
    is_table: bool = False
    stored: SourceObject | None = field(default=None, compare=False)
    """The object of S3 that it is, in the version that is demanded at every read."""
    read_range: Callable[[int, int], bytes] | None = field(default=None, compare=False)
    """Reads the bytes from one offset to another; None if it can be read from the start only."""
    open_typed: Callable[[], Readable] | None = field(default=None, compare=False)
    """Opens a table as CSV whose quotes tell text from numbers; None for all else."""


def is_address(name: object) -> bool:
    """Tell whether a name is an address of S3."""
    return isinstance(name, str) and name.startswith(S3_SCHEME)


def parse_address(name: str) -> tuple[str, str]:
    """Return the bucket and the key of an address.

    Raises:
        InputError: it is not the address of an object.
    """
    address = _ADDRESS.fullmatch(name)
    if address is None:
        raise InputError(
            f"{name} is not the address of an object: write s3://bucket/key, with the bucket's name (no ARN), or "
            "s3://bucket/prefix/ for all objects below a prefix"
        )
    return address[1], address[2]
