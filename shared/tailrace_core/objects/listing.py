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


def list_sources(bucket: str, prefix: str, pattern: str | None = None) -> Steps[list[ListedObject]]:
    """List the sources below a prefix in the order of their keys, a call for each 1,000 objects.

    ``pattern`` chooses by the rest of the key behind the prefix.

    Raises:
        InputError: there is no such bucket, or no object is a source.
    """
    found: dict[str, ListedObject] = {}
    seen = 0
    params: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix}
    while True:
        try:
            answer = yield Call("s3", "list_objects_v2", params)
        except NotFoundError as error:
            raise InputError(f"there is no bucket {bucket}, so s3://{bucket}/{prefix} has no objects") from error
        for each in answer.get("Contents", ()):
            seen += 1
            if is_source(each["Key"].removeprefix(prefix), pattern):
                found[each["Key"]] = ListedObject(each["Key"], each["Size"], each["ETag"])
        if not answer.get("IsTruncated"):
            break
        params = {"Bucket": bucket, "Prefix": prefix, "ContinuationToken": answer["NextContinuationToken"]}
    if not found:
        raise nothing_found(f"s3://{bucket}/{prefix}", "object", seen, pattern)
    return [found[key] for key in in_order_of_keys(found)]


def nothing_found(where: str, kind: str, seen: int, pattern: str | None) -> InputError:
    """Return the error for a prefix, or a folder, below which no ``kind`` is a source."""
    if not seen:
        return InputError(f"there is no {kind} below {where}: check the name")
    chosen = "" if pattern is None else f" and matches {pattern!r}, which is held against all that follows {where}"
    return InputError(
        f"{seen:,} {kind}{'s are' if seen > 1 else ' is'} below {where}, and none has a name that does not begin with "
        f"_ or .{chosen}: check the {'name' if pattern is None else 'pattern'}"
    )
