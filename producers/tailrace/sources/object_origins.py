"""Origins in S3: an object, or all objects below a prefix, each in the version first seen."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from tailrace.sources.origins import OpenObject, Origin, Readable, RemoteObject, S3Objects, parse_address
from tailrace_core.errors import AccessDeniedError, ConditionFailedError, InputError, NotFoundError
from tailrace_core.submission.striping.manifest import SourceObject

_WILD = re.compile(r"[*?[]")
_PREFIX = re.compile(r"s3://([A-Za-z0-9._-]{1,255})/((?:[^\ud800-\udfff]*/)?)", re.DOTALL)


def object_origins(name: str, s3: OpenObject | None, pattern: str | None) -> list[Origin]:
    """Return the origins of an address: one object, or those below a prefix in the order of keys.

    Raises:
        InputError: there is no such object, or none below the prefix.
        AccessDeniedError: the identity may not read the object, or list the bucket.
    """
    prefix = parse_prefix(name)
    bucket, key = prefix or parse_address(name)
    if s3 is None:
        raise InputError(f"{name} cannot be read: this client has no access to S3; name a file")
    if prefix is None:
        return [_object(name, bucket, key, s3)]
    return [
        _origin(SourceObject(bucket=bucket, key=each.key, size_bytes=each.size_bytes, etag=each.etag), s3)
        for each in _lister(name, s3).sources(bucket, key, pattern)
    ]


def parse_prefix(name: str) -> tuple[str, str] | None:
    """Return the bucket and the prefix of an address that ends with ``/``; None for another one."""
    found = _PREFIX.fullmatch(name)
    return None if found is None else (found[1], found[2])


def _lister(name: str, s3: OpenObject) -> S3Objects:
    if not isinstance(s3, S3Objects):
        raise InputError(f"{name} is a prefix, and this client cannot list a bucket: name each object")
    return s3


def _object(name: str, bucket: str, key: str, s3: OpenObject) -> Origin:
    first = _open(name, bucket, key, s3)
    first.body.close()
    if first.etag is None or first.size_bytes is None:
        return Origin(name, lambda: _open(name, bucket, key, s3).body, first.size_bytes, reopenable=True)
    return _origin(SourceObject(bucket=bucket, key=key, size_bytes=first.size_bytes, etag=first.etag), s3)


def _origin(stored: SourceObject, s3: OpenObject) -> Origin:
    read_range = partial(_read_range, stored, s3) if isinstance(s3, S3Objects) else None
    return Origin(
        stored.name,
        partial(_reopen, stored, s3),
        stored.size_bytes,
        reopenable=True,
        stored=stored,
        read_range=read_range,
    )


def _reopen(stored: SourceObject, s3: OpenObject) -> Readable:
    with _unchanged(stored):
        body: Readable = s3(stored.bucket, stored.key, stored.etag).body
    return body


def _read_range(stored: SourceObject, s3: S3Objects, start: int, stop: int) -> bytes:
    with _unchanged(stored):
        return s3.read_range(stored, start, stop)


@contextmanager
def _unchanged(stored: SourceObject) -> Iterator[None]:
    try:
        yield
    except (ConditionFailedError, NotFoundError) as error:
        raise InputError(
            f"{stored.name} has changed or is gone since it was named (it had {stored.size_bytes} bytes, ETag "
            f"{stored.etag}): submit it when it is complete"
        ) from error


def _open(name: str, bucket: str, key: str, s3: OpenObject) -> RemoteObject:
    try:
        return s3(bucket, key)
    except NotFoundError as error:
        if error.details.get("code") == "NoSuchBucket":
            raise InputError(f"there is no bucket {bucket}, so {name} cannot be read: check its name") from error
        if wild := _WILD.search(key):
            raise InputError(
                f"there is no object with exactly the name {name}; name a prefix, and choose below it: "
                f"{_with_pattern(bucket, key, wild.start())}"
            ) from error
        raise InputError(
            f"bucket {bucket} has no object {key}: check the key; `aws s3 ls {shlex.quote(name)}` lists those that "
            "begin like it, and a prefix ends with /"
        ) from error
    except AccessDeniedError as error:
        wild = _WILD.search(key)
        patterns = f"; to choose from many, write {_with_pattern(bucket, key, wild.start())}" if wild else ""
        raise AccessDeniedError(
            f"{name} may not be read or does not exist, which S3 tells apart only for those who may list the "
            f"bucket{patterns} ({error.message})",
            **error.details,
        ) from error


def _with_pattern(bucket: str, key: str, at: int) -> str:
    """Return what stands on a command line for a key with a wildcard, the first one ``at``."""
    stop = key.rfind("/", 0, at) + 1
    return f"{shlex.quote(f's3://{bucket}/{key[:stop]}')} --pattern {shlex.quote(key[stop:])}"
