"""The origins that names stand for: those on the command line, or what a program gives."""

from __future__ import annotations

import glob
import io
import os
import stat
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Self

from tailrace.sources.origins import S3_SCHEME, STDIN, OpenObject, Origin, is_address
from tailrace.sources.streams import BinaryStream, BorrowedStream, check_stream, stream_name
from tailrace_core.errors import InputError

_SHOWN_CHARS = 80


def resolve_all(
    names: Sequence[str | BinaryStream | Origin],
    *,
    stdin: BinaryStream | None,
    s3: OpenObject | None,
    pattern: str | None = None,
) -> list[Origin]:
    """Resolve names in their order; ``pattern`` chooses below directories and prefixes of S3.

    Raises:
        InputError: see `resolve`; or there is a pattern, and nothing to choose from.
    """
    found = [origin for name in names for origin in resolve(name, stdin=stdin, s3=s3, pattern=pattern)]
    if pattern is not None and not any(map(is_container, names)):
        raise InputError(
            f"the pattern {pattern!r} chooses among the files of a directory or the objects below a prefix, and none "
            "is named: name one (a prefix ends with /, as in s3://bucket/days/), or leave the pattern out"
        )
    return found


def is_container(name: object) -> bool:
    """Tell whether a name stands for what is below it: a directory, or a prefix of S3."""
    if not isinstance(name, str) or name == STDIN:
        return False
    return name.endswith("/") if is_address(name) else Path(name).is_dir()


def resolve(
    name: str | BinaryStream | Origin,
    *,
    stdin: BinaryStream | None,
    s3: OpenObject | None,
    pattern: str | None = None,
) -> list[Origin]:
    """Resolve a name to its origins.

    A glob pattern stands for the files that match it, sorted by name. A directory, and a prefix of
    S3, which ends with ``/``, stand for what is below them, in the order of S3's keys. A stream is
    its own origin.

    Raises:
        InputError: the file or object does not exist or may not be read, or nothing matches.
    """
    if isinstance(name, Origin):
        return [name]
    if not isinstance(name, str):
        return [_stream(name, stream_name(name))]
    if name == STDIN:
        return [_standard_input(stdin)]
    if name.startswith(S3_SCHEME):
        from tailrace.sources.object_origins import object_origins  # noqa: PLC0415 - most inputs are files

        return object_origins(name, s3, pattern)
    if glob.has_magic(name) and not os.path.lexists(name):
        matches = sorted(path for path in _matches(name) if not Path(path).is_dir())
        if not matches:
            raise InputError(f"no file matches {name}; check the pattern and the folder you are in ({Path.cwd()})")
        return [_file(path) for path in matches]
    return _files(name, pattern)


def local_files(names: Iterable[str]) -> list[str]:
    """Return the local files of names, patterns and directories."""
    found: list[str] = []
    for name in names:
        if name == STDIN or name.startswith(S3_SCHEME):
            continue
        if Path(name).is_dir():
            from tailrace.sources.directories import files_below  # noqa: PLC0415 - few inputs are directories

            found += files_below(name, None)
        else:
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


def _files(name: str, pattern: str | None) -> list[Origin]:
    if not Path(name).is_dir():
        return [_file(name)]
    from tailrace.sources.directories import source_files  # noqa: PLC0415 - as above

    return [_file(path) for path in source_files(name, pattern)]


def _file(name: str) -> Origin:
    try:
        status = Path(name).stat()
    except (OSError, ValueError) as error:
        raise _missing(name, error) from error
    regular = stat.S_ISREG(status.st_mode)
    return Origin(
        name,
        partial(SourceFile.open, name, status if regular else None),
        status.st_size if regular else None,
        reopenable=regular,
    )


def _missing(name: str, error: OSError | ValueError) -> InputError:
    if "\n" in name or "\0" in name:
        return InputError(
            f"{name[:_SHOWN_CHARS]!r} is the name of no file; if it is the text of a CSV, give it as a stream: "
            "io.BytesIO(text.encode())"
        )
    if isinstance(error, FileNotFoundError):
        return InputError(f"{name} does not exist: check the path and the folder you are in ({Path.cwd()})")
    return InputError(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}")


class SourceFile(io.FileIO):
    """A file that is refused when its size or time is no longer that of ``status``.

    It is looked at when it is opened and at its end: a file that changes in between would give rows
    of both. Unbuffered, because blocks are large, and a buffer would copy each of them.
    """

    status: os.stat_result | None = None

    @classmethod
    def open(cls, name: str, status: os.stat_result | None) -> Self:
        """Open a file; without a ``status`` (a pipe, say) it may change.

        Raises:
            InputError: it cannot be read, or has changed.
        """
        try:
            file = cls(name)
        except OSError as error:
            raise InputError(f"{name} cannot be read: {error.strerror}") from error
        # Files that the kernel makes up, as in /proc, have no size and the time of each look.
        file.status = status if status is not None and status.st_size else None
        try:
            file._require_unchanged()
        except BaseException:
            file.close()
            raise
        return file

    def read(self, size: int | None = -1, /) -> bytes:
        """Read at most ``size`` bytes.

        Raises:
            InputError: this is the end, and the file has changed.
        """
        data = super().read(size)
        if not data and size:
            self._require_unchanged()
        return data

    def _require_unchanged(self) -> None:
        if self.status is None:
            return
        now = os.fstat(self.fileno())
        if (now.st_size, now.st_mtime_ns) != (self.status.st_size, self.status.st_mtime_ns):
            raise InputError(
                f"{self.name!s} has changed since it was named (it had {self.status.st_size} bytes and has "
                f"{now.st_size}): submit it when it is complete",
            )
