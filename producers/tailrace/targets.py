"""Where a download goes: a file that appears whole or not at all, compressed when its name says so, or stdout."""

from __future__ import annotations

import contextlib
import gzip
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from tailrace_core.errors import InputError

STDOUT = "-"


@contextmanager
def opened(target: str | os.PathLike[str] | IO[bytes]) -> Iterator[IO[bytes]]:
    """A stream to write to. A file is renamed to its name when the block ends well, and removed when it does not.

    Raises:
        InputError: the folder is not there, or may not be written to.
    """
    if not isinstance(target, (str, os.PathLike)):
        yield target
        return
    if target == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(target)
    with _temporary(path) as file:
        if path.suffix == ".gz":
            # Without a name and a time in it the same result gives the same file.
            with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6, mtime=0) as compressed:
                yield cast("IO[bytes]", compressed)
        else:
            yield file


def check(target: str | os.PathLike[str]) -> None:
    """Refuse early a target that cannot be written in the end.

    Raises:
        InputError: it is a directory, or its folder is not there.
    """
    if target == STDOUT:
        return
    path = Path(target)
    if path.is_dir():
        raise InputError(f"{path} is a directory: name a file in it")
    if not path.parent.is_dir():
        raise InputError(f"{path.parent} is not a directory: make it first, or write elsewhere")


@contextmanager
def _temporary(path: Path) -> Iterator[IO[bytes]]:
    check(path)
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except OSError as exc:
        raise InputError(f"{path} cannot be written: {exc.strerror}") from exc
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        # mkstemp makes it private; a result is as readable as other files.
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
