"""Origins: the files, streams and objects that names stand for, and how to open them.

Names are those on the command line.
"""

from __future__ import annotations

import glob
import io
import os
import re
import shlex
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from tailrace.sources.streams import BinaryStream, BorrowedStream, check_stream, stream_name
from tailrace_core.errors import AccessDeniedError, InputError, NotFoundError

STDIN = "-"
S3_SCHEME = "s3://"
_PATTERN = re.compile(r"[*?[]")
_SHOWN_CHARS = 80
_ADDRESS = re.compile(r"s3://([A-Za-z0-9._-]{1,255})/([^\ud800-\udfff]+)", re.DOTALL)
"""Bucket names as botocore accepts them, the oldest included; keys as text, without bytes that are
not UTF-8."""


class Readable(Protocol):
    """A stream of bytes; ``read`` returns at most ``size`` bytes, and none only at the end."""

    def read(self, size: int, /) -> bytes: ...  # noqa: D102 - the class says it
    def close(self) -> None: ...  # noqa: D102 - the class says it


@dataclass(frozen=True, slots=True)
class RemoteObject:
    """An opened object: its body, and its size in bytes if that is known."""

    body: Readable
    size_bytes: int | None


OpenObject = Callable[[str, str], RemoteObject]
"""Opens ``bucket, key`` for streaming; raises ``NotFoundError`` when there is no such object."""


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


def resolve(name: str | BinaryStream | Origin, *, stdin: BinaryStream | None, s3: OpenObject | None) -> list[Origin]:
    """Resolve a name to one origin, or a pattern to the files that match it, sorted by name.

    A stream is its own origin.

    Raises:
        InputError: the file or object does not exist, is a directory or may not be read, or no file
            matches.
    """
    if isinstance(name, Origin):
        return [name]
    if not isinstance(name, str):
        return [_stream(name, stream_name(name))]
    if name == STDIN:
        return [_standard_input(stdin)]
    if name.startswith(S3_SCHEME):
        return [_remote(name, s3)]
    if glob.has_magic(name) and not os.path.lexists(name):
        matches = sorted(path for path in _matches(name) if not Path(path).is_dir())
        if not matches:
            raise InputError(f"no file matches {name}; check the pattern and the folder you are in ({Path.cwd()})")
        return [_file(path) for path in matches]
    return [_file(name)]


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
            f"{name} is not the address of an object: write s3://bucket/key, with the bucket's name (no ARN)"
        )
    return address[1], address[2]


def local_files(names: Iterable[str]) -> list[str]:
    """Return the local files of names and patterns, without addresses and standard input."""
    found: list[str] = []
    for name in names:
        if name == STDIN or name.startswith(S3_SCHEME):
            continue
        found += _matches(name) if glob.has_magic(name) and not os.path.lexists(name) else [name]
    return found


def _matches(pattern: str) -> list[str]:
    return glob.glob(pattern, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute patterns


def _standard_input(stdin: BinaryStream | None) -> Origin:
    if stdin is None:
        raise InputError("standard input is not available: name a file instead of -")
    check_stream(stdin, "standard input")
    return _stream(stdin, "standard input")


def _stream(stream: BinaryStream, name: str) -> Origin:
    return Origin(name, lambda: BorrowedStream(stream, name), None, reopenable=False)


def _remote(name: str, s3: OpenObject | None) -> Origin:
    bucket, key = parse_address(name)
    if s3 is None:
        raise InputError(f"{name} cannot be read: this client has no access to S3; name a file")
    first = _open_remote(name, bucket, key, s3)
    first.body.close()
    return Origin(name, lambda: _open_remote(name, bucket, key, s3).body, first.size_bytes, reopenable=True)


def _open_remote(name: str, bucket: str, key: str, s3: OpenObject) -> RemoteObject:
    try:
        return s3(bucket, key)
    except NotFoundError as error:
        if error.details.get("code") == "NoSuchBucket":
            raise InputError(f"there is no bucket {bucket}, so {name} cannot be read: check its name") from error
        if pattern := _PATTERN.search(key):
            listing = shlex.quote(f"s3://{bucket}/{key[: pattern.start()]}")
            raise InputError(
                f"there is no object with exactly the name {name}, and patterns are for local files only: name each "
                f"object; `aws s3 ls {listing}` lists them"
            ) from error
        raise InputError(
            f"bucket {bucket} has no object {key}: check the key; `aws s3 ls {shlex.quote(name)}` lists those that "
            "begin like it"
        ) from error
    except AccessDeniedError as error:
        patterns = "; patterns are for local files only" if _PATTERN.search(key) else ""
        raise AccessDeniedError(
            f"{name} may not be read or does not exist, which S3 tells apart only for those who may list the "
            f"bucket{patterns} ({error.message})",
            **error.details,
        ) from error


def _file(name: str) -> Origin:
    try:
        status = Path(name).stat()
    except (OSError, ValueError) as error:
        raise _missing(name, error) from error
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{name} is a directory: name the files in it, for instance {Path(name) / '*.csv'}")
    regular = stat.S_ISREG(status.st_mode)
    return Origin(name, partial(_open_file, name), status.st_size if regular else None, reopenable=regular)


def _missing(name: str, error: OSError | ValueError) -> InputError:
    if "\n" in name or "\0" in name:
        return InputError(
            f"{name[:_SHOWN_CHARS]!r} is the name of no file; if it is the text of a CSV, give it as a stream: "
            "io.BytesIO(text.encode())"
        )
    if isinstance(error, FileNotFoundError):
        return InputError(f"{name} does not exist: check the path and the folder you are in ({Path.cwd()})")
    return InputError(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}")


def _open_file(name: str) -> Readable:
    try:
        # Unbuffered: blocks are large, and a buffer would copy each of them.
        return io.FileIO(name)
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror}") from error
