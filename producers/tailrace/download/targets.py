"""Targets of a download: a file or an object of S3, whole or not at all, or standard output.

The end of the name says how it is written: ``.gz`` and ``.zst`` compressed, ``.parquet`` as
Parquet, all others as plain CSV.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from tailrace.download.object_upload import S3Target
from tailrace.download.tables.extras import extra_module
from tailrace.sources.origins import is_address
from tailrace_core.errors import InputError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STDOUT = "-"
_GZIP, _ZSTD = ".gz", ".zst"
_JSON = frozenset({".json", ".jsonl", ".ndjson"})
_PARQUET = ".parquet"
_OTHER_FORMATS = frozenset({".feather", ".arrow", ".orc", ".avro", ".xls", ".xlsx", ".ods"})
_OTHER_COMPRESSIONS = frozenset(
    {".bz2", ".xz", ".lzma", ".lz4", ".br", ".zip", ".7z", ".rar", ".z", ".zstd", ".gzip", ".tgz"}
)


def shown(target: str | os.PathLike[str] | IO[bytes]) -> str | None:
    """Return the path; None for a stream and for standard output."""
    return os.fspath(target) if isinstance(target, (str, os.PathLike)) and target != STDOUT else None


def is_parquet(target: str | os.PathLike[str] | IO[bytes]) -> bool:
    """Tell whether the target is written as Parquet."""
    return isinstance(target, (str, os.PathLike)) and Path(target).suffix.lower() == _PARQUET


def is_plain(address: str) -> bool:
    """Tell whether the address's name is that of CSV without compression."""
    return Path(address).suffix.lower() not in {_GZIP, _ZSTD, _PARQUET}


def require_csv(target: str | os.PathLike[str] | IO[bytes]) -> None:
    """Refuse a target that is no CSV, for what only CSV needs.

    Raises:
        InputError: it is Parquet.
    """
    if is_parquet(target):
        raise InputError(f"{target} is Parquet, whose cells no spreadsheet evaluates: leave out safe_csv (--safe-csv)")


class CountingFile(io.RawIOBase):
    """Counts the bytes that are written to a file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.size_bytes = 0

    def writable(self) -> bool:
        """Return true."""
        return True

    def tell(self) -> int:
        """Return how many bytes were written."""
        return self.size_bytes

    def write(self, data: ReadableBuffer, /) -> int:
        """Write all of the bytes."""
        self._file.write(data)
        size = memoryview(data).nbytes
        self.size_bytes += size
        return size


@contextmanager
def open_target(
    target: str | os.PathLike[str] | IO[bytes], *, s3: S3Target | None = None, counted: list[CountingFile] | None = None
) -> Iterator[IO[bytes]]:
    """Yield a stream to write to.

    A file gets its name when the block ends, and is removed when the block raises; an object of S3
    appears when the block ends.

    An existing target that is no regular file (a device, a FIFO) is written directly and stays what
    it is; opening a FIFO waits for its reader. A symbolic link is followed: the file that it leads
    to is written.

    Args:
        target: the file, its name, or an address of S3.
        s3: writes to the address.
        counted: gets the file that counts what is written, after compression.

    Raises:
        InputError: the folder does not exist or cannot be written.
    """
    with _opened(target, s3) as raw:
        file = raw
        if counted is not None:
            counted.append(CountingFile(raw))
            file = cast("IO[bytes]", counted[-1])
        suffix = Path(target).suffix.lower() if isinstance(target, (str, os.PathLike)) else ""
        if suffix == _GZIP:
            # Without a name and a time in the header the same result gives the same bytes.
            with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6, mtime=0) as compressed:
                yield cast("IO[bytes]", compressed)
        elif suffix == _ZSTD:
            with _zstandard().ZstdCompressor().stream_writer(file, closefd=False) as compressed:
                yield compressed
        else:
            yield file


@contextmanager
def _opened(target: str | os.PathLike[str] | IO[bytes], s3: S3Target | None) -> Iterator[IO[bytes]]:
    if not isinstance(target, (str, os.PathLike)):
        yield target
        return
    if target == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if is_address(target):
        if s3 is None:
            raise InputError(f"{target} cannot be written here: name a file")
        with s3.open() as upload:
            yield cast("IO[bytes]", upload)
        return
    path = Path(os.path.realpath(target))
    with _device(path) if _is_device(path) else _temporary(path) as file:
        yield file


def check(
    target: str | os.PathLike[str],
    *,
    sources: Iterable[str] = (),
    clobber: bool = True,
    json: bool = False,
    result: bool = True,
) -> None:
    """Refuse early a target that could not be written in the end. Leaves nothing behind.

    An address of S3 is checked by its form; see `tailrace.download.object_upload.S3Target.check`.

    Args:
        target: the file to write; ``-`` is standard output.
        sources: files and addresses that the result must not replace.
        clobber: whether an existing file may be replaced.
        json: whether JSON is written, so that the name may say so.
        result: whether a result is written: only that may be Parquet, or an object of S3.

    Raises:
        InputError: the target is a directory, is one of the sources, exists although it must not,
            names a format that is not written, or cannot be written; or its folder does not exist
            or cannot be written.
    """
    if target == STDOUT:
        return
    if not result and (is_address(target) or is_parquet(target)):
        raise InputError(f"{target}: only results are written to S3 and as Parquet; name a file in .csv, .gz or .zst")
    _require_written_format(Path(target), json=json)
    if is_address(target):
        if target in set(sources):
            raise InputError(f"the output {target} is the input, which it would replace: name another object")
        return
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
    written = "CSV, plain or compressed, and Parquet: end the name in .csv, .csv.gz, .csv.zst or .parquet"
    if suffix in _OTHER_COMPRESSIONS:
        raise InputError(f"{path} names a compression that Tailrace does not write; it writes {written}")
    if inner in _OTHER_FORMATS or (inner == _PARQUET != suffix) or (inner in _JSON and not json):
        raise InputError(f"{path} names a format that Tailrace does not write; it writes {written}")
    if suffix == _ZSTD:
        _zstandard()
    if suffix == _PARQUET:
        extra_module("pyarrow.parquet", "arrow", "a name in .parquet")


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
