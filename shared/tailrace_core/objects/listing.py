"""Listing of the objects below a prefix that are sources of a job, in the order of their keys.

Names that begin with ``_`` or ``.`` are left out, as Spark, Hive and Athena leave them out: they
are a writer's marks and unfinished files (``_SUCCESS``, ``_temporary/0/part-1``, ``.part.crc``).
Spark's exception holds too: ``_day=2026-11-28/`` is a folder of a partition. Markers of folders,
whose keys end with ``/`` or ``_$folder$``, hold no rows and are left out as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from tailrace_core.aws.calls import Call, Steps
from tailrace_core.errors import InputError, NotFoundError

_HIDDEN = ("_", ".")
_FOLDER_MARKER = "_$folder$"


@dataclass(frozen=True, slots=True)
class ListedObject:
    """An object as a listing shows it; ``etag`` with its quotes, as S3 writes it."""

    key: str
    size_bytes: int
    etag: str


def is_source(name: str, pattern: str | None = None) -> bool:
    """Report whether a name below a prefix or a folder is one of a source.

    ``*`` in the pattern also stands for ``/``, as in ``aws s3 cp --include``.
    """
    *folders, last = name.split("/")
    if not last or name.endswith(_FOLDER_MARKER) or last.startswith(_HIDDEN):
        return False
    if any(each.startswith(_HIDDEN) and "=" not in each for each in folders):
        return False
    return pattern is None or fnmatchcase(name, pattern)


def in_order_of_keys(keys: Iterable[str]) -> list[str]:
    """Sort keys, or relative paths, as S3 lists keys: by their bytes in UTF-8."""
    return sorted(keys, key=lambda key: key.encode(errors="surrogateescape"))


def list_sources(
    bucket: str, prefix: str, pattern: str | None = None, *, most: int | None = None
) -> Steps[list[ListedObject]]:
    """List the sources below a prefix in the order of their keys, a call for each 1,000 objects.

    ``pattern`` chooses by the rest of the key behind the prefix. The listing ends when it has found
    more than ``most``.

    Raises:
        InputError: there is no such bucket, or no object is a source, or there are too many.
    """
    listing = _Listing(bucket, prefix, pattern)
    found: dict[str, ListedObject] = {}
    while not listing.ended:
        found |= {each.key: each for each in (yield from listing.page())}
        if most is not None and len(found) > most:
            raise InputError(
                f"more than {most} objects lie below s3://{bucket}/{prefix}, and a job takes {most} at most: join "
                "small ones, or submit them as several jobs (by --pattern, or by longer prefixes)"
            )
    if not found:
        raise listing.nothing_found()
    # The order of code points is that of UTF-8; to sort by bytes would hold all keys twice.
    return [found[key] for key in sorted(found)]


def first_source(bucket: str, prefix: str, pattern: str | None = None) -> Steps[ListedObject]:
    """Find the first of the sources below a prefix, with as few calls as that takes.

    Raises:
        InputError: see `list_sources`.
    """
    listing = _Listing(bucket, prefix, pattern)
    while not listing.ended:
        # S3 lists keys in their order.
        if found := (yield from listing.page()):
            first = in_order_of_keys(each.key for each in found)[0]
            return next(each for each in found if each.key == first)
    raise listing.nothing_found()


class _Listing:
    """A listing of a prefix, a page at a time."""

    def __init__(self, bucket: str, prefix: str, pattern: str | None) -> None:
        self._prefix = prefix
        self._where = f"s3://{bucket}/{prefix}"
        self._bucket = bucket
        self._pattern = pattern
        self._params: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix}
        self._seen = 0
        self.ended = False

    def page(self) -> Steps[list[ListedObject]]:
        """Read the next page; return the sources on it."""
        try:
            answer = yield Call("s3", "list_objects_v2", self._params)
        except NotFoundError as error:
            raise InputError(f"there is no bucket {self._bucket}, so {self._where} has no objects") from error
        objects = answer.get("Contents", ())
        self._seen += len(objects)
        self.ended = not answer.get("IsTruncated")
        self._params = {**self._params, "ContinuationToken": answer.get("NextContinuationToken")}
        return [
            ListedObject(each["Key"], each["Size"], each["ETag"])
            for each in objects
            if is_source(each["Key"].removeprefix(self._prefix), self._pattern)
        ]

    def nothing_found(self) -> InputError:
        """Return the error for a listing that ended without a source."""
        return nothing_found(self._where, "object", self._seen, self._pattern)


def nothing_found(where: str, kind: str, seen: int, pattern: str | None) -> InputError:
    """Return the error for a prefix, or a folder, below which no ``kind`` is a source."""
    if not seen:
        return InputError(f"there is no {kind} below {where}: check the name")
    chosen = "" if pattern is None else f" and matches {pattern!r}, which is held against all that follows {where}"
    return InputError(
        f"{seen:,} {kind}{'s are' if seen > 1 else ' is'} below {where}, and none has a name that does not begin with "
        f"_ or .{chosen}: check the {'name' if pattern is None else 'pattern'}"
    )
