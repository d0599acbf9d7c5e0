"""Targets of a download: a file, written whole or not at all, or standard output.

A file is compressed if its name ends in ``.gz``.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from tailrace_core.errors import InputError

STDOUT = "-"
_GZIP, _ZSTD = ".gz", ".zst"
_JSON = frozenset({".json", ".jsonl", ".ndjson"})
_OTHER_FORMATS = frozenset({".parquet", ".feather", ".arrow", ".orc", ".avro", ".xls", ".xlsx", ".ods"})
_OTHER_COMPRESSIONS = frozenset({".bz2", ".xz", ".lzma", ".lz4", ".br", ".zip", ".7z", ".rar", ".z"})


def shown(target: str | os.PathLike[str] | IO[bytes]) -> str | None:
    """Return the path; None for a stream and for standard output."""
    return os.fspath(target) if isinstance(target, (str, os.PathLike)) and target != STDOUT else None


@contextmanager
def open_target(target: str | os.PathLike[str] | IO[bytes]) -> Iterator[IO[bytes]]:
    """Yield a stream to write to.

    A file gets its name when the block ends, and is removed when the block raises.

    An existing target that is no regular file (a device, a FIFO) is written directly and stays what
    it is; opening a FIFO waits for its reader. A symbolic link is followed: the file that it leads
    to is written.

    Raises:
        InputError: the folder does not exist or cannot be written.
    """
    if not isinstance(target, (str, os.PathLike)):
        yield target
        return
    if target == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(os.path.realpath(target))
    with _device(path) if _is_device(path) else _temporary(path) as file:
        suffix = Path(target).suffix.lower()
        if suffix == _GZIP:
            # Without a name and a time in the header the same result gives the same bytes.
            with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6, mtime=0) as compressed:
                yield cast("IO[bytes]", compressed)
        elif suffix == _ZSTD:
            with _zstandard().ZstdCompressor().stream_writer(file, closefd=False) as compressed:
                yield compressed
        else:
            yield file


def check(
    target: str | os.PathLike[str], *, sources: Iterable[str] = (), clobber: bool = True, json: bool = False
) -> None:
    """Refuse early a target that could not be written in the end. Leaves nothing behind.

    Args:
        target: the file to write; ``-`` is standard output.
        sources: local files that the result must not replace.
        clobber: whether an existing file may be replaced.
        json: whether JSON is written, so that the name may say so.

    Raises:
        InputError: the target is a directory, is one of the sources, exists although it must not,
            names a format that is not written, or cannot be written; or its folder does not exist
            or cannot be written.
    """
    if target == STDOUT:
        return
    _require_written_format(Path(target), json=json)
    _require_other_file(Path(target), sources)
    if not clobber and os.path.lexists(target):
        raise InputError(f"{target} exists: name another file, or leave out --no-clobber to replace it")
    path = Path(os.path.realpath(target))
    if _is_device(path):
        if not os.access(path, os.W_OK):
            raise InputError(f"{path} may not be written to: write elsewhere")
        return
    _require_folder(path)
    # Permission bits are not enough: they ignore the superuser, read-only and virtual file systems.
    # Only a trial shows it.
    descriptor, name = _reserve(path)
    os.close(descriptor)
    Path(name).unlink()


def _require_written_format(path: Path, *, json: bool) -> None:
    suffix = path.suffix.lower()
    inner = Path(path.stem).suffix.lower() if suffix in {_GZIP, _ZSTD} else suffix
    written = "CSV, plain or compressed: end the name in .csv, .csv.gz or .csv.zst"
    if suffix in _OTHER_COMPRESSIONS:
        raise InputError(f"{path} names a compression that Tailrace does not write; it writes {written}")
    if inner in _OTHER_FORMATS or (inner in _JSON and not json):
        raise InputError(f"{path} names a format that Tailrace does not write; it writes {written}")
    if suffix == _ZSTD:
        _zstandard()


def _require_other_file(path: Path, sources: Iterable[str]) -> None:
    # `Path.exists` raises for a name that is too long; the check that follows names it.
    for source in sources if os.path.exists(path) else ():  # noqa: PTH110
        if os.path.exists(source) and path.samefile(source):  # noqa: PTH110
            raise InputError(f"the output {path} is the input {source}, which it would replace: name another file")


def _zstandard() -> Any:
    try:
        import zstandard  # noqa: PLC0415 - an optional extra, needed for zstd only
    except ImportError as error:
        raise InputError("a name in .zst needs zstandard: install tailrace[zstd], or end the name in .gz") from error
    return zstandard


def _mode(path: Path) -> int | None:
    """Return the mode of the path's file; None if there is none, or if it cannot be read."""
    try:
        return path.stat().st_mode
    except OSError:
        return None


def _is_device(path: Path) -> bool:
    mode = _mode(path)
    return mode is not None and not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _is_folder(path: Path) -> bool:
    mode = _mode(path)
    return mode is not None and stat.S_ISDIR(mode)


def _require_folder(path: Path) -> None:
    if _is_folder(path):
        raise InputError(f"{path} is a directory: name a file in it")
    if not _is_folder(path.parent):
        raise InputError(f"{path.parent} is not a directory: make it first, or write elsewhere")
    try:
        path.lstat()
    except FileNotFoundError:
        pass
    except OSError as exc:
        raise InputError(f"{path} cannot be written ({exc.strerror}): write elsewhere") from exc


def _reserve(path: Path) -> tuple[int, str]:
    try:
        # Not the whole name: with the additions it might be too long for a name.
        return tempfile.mkstemp(prefix=f".{path.name[:40]}.", suffix=".part", dir=path.parent)
    except OSError as exc:
        raise InputError(f"{path} cannot be written ({exc.strerror}): write elsewhere") from exc


@contextmanager
def _device(path: Path) -> Iterator[IO[bytes]]:
    try:
        file = path.open("wb")
    except OSError as exc:
        raise InputError(f"{path} cannot be written ({exc.strerror}): write elsewhere") from exc
    with file:
        yield file


@contextmanager
def _temporary(path: Path) -> Iterator[IO[bytes]]:
    _require_folder(path)
    descriptor, name = _reserve(path)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        # mkstemp makes the file private. A result is as readable as the file that it replaces, or
        # as new files are.
        mode = _mode(path)
        Path(name).chmod(0o666 & ~_umask() if mode is None else stat.S_IMODE(mode))
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
