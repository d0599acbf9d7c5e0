"""Checks of training data before they are sent: header, target, rows, encoding, delimiter.

A mistake is found here in seconds. SageMaker would report it after minutes of a job.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from tailrace.models.train.options import MIN_ROWS
from tailrace_core.errors import InputError

CSV_TYPE = "text/csv;header=present"
PARQUET_TYPE = "x-application/vnd.amazon+parquet"
_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
_OTHER_DELIMITERS = (";", "\t", "|")
_BLOCK_BYTES = 1 << 20
_PREPARE = "`tailrace prepare` writes UTF-8 with commas"


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """The format of data, by the end of their name."""

    content_type: str
    gzipped: bool

    @classmethod
    def of(cls, name: str) -> Format:
        """Return the format of a file or an object."""
        lower = name.lower()
        parquet = lower.endswith((".parquet", ".pq"))
        return cls(content_type=PARQUET_TYPE if parquet else CSV_TYPE, gzipped=lower.endswith(".gz"))

    @property
    def is_csv(self) -> bool:
        """True for CSV."""
        return self.content_type == CSV_TYPE


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedFile:
    """A file that may be trained on.

    Attributes:
        rows: records without the header.
        digest: SHA-256 of the bytes, in hexadecimal.
    """

    path: Path
    format: Format
    columns: tuple[str, ...]
    rows: int
    without_target: int
    digest: str


def check_file(path: Path, target: str, *, min_rows: int = MIN_ROWS) -> CheckedFile:
    """Read a file once and check all of it.

    Raises:
        InputError: it cannot be trained on; the message says where, what, and what to do.
    """
    found = Format.of(path.name)
    if not found.is_csv:
        columns, rows, empty = _parquet(path, target)
        _require_rows(str(path), rows - empty, min_rows, target)
        digest = _digest(path)
    else:
        with path.open("rb") as raw:
            hashed = _Hashing(raw)
            buffered = io.BufferedReader(hashed)
            opened = cast("BinaryIO", gzip.GzipFile(fileobj=buffered)) if found.gzipped else buffered
            columns, rows, empty = _csv(str(path), opened, target, min_rows)
            hashed.drain()
            digest = hashed.hexdigest()
    return CheckedFile(path=path, format=found, columns=columns, rows=rows, without_target=empty, digest=digest)


def check_opening(name: str, opening: bytes, target: str, *, whole: bool) -> None:
    """Check the first bytes of a CSV object in S3, of which the last record may be cut.

    Args:
        name: the object, for messages.
        opening: its first bytes, decompressed.
        target: the column to predict.
        whole: these are all the data there are.

    Raises:
        InputError: they cannot be trained on.
    """
    if not whole:
        opening = opening[: opening.rfind(b"\n") + 1]
    records = _records(name, io.BytesIO(opening))
    columns = _header(name, next(records, None), target)
    if whole:
        _counted(name, records, columns, target, MIN_ROWS)


def _csv(name: str, opened: BinaryIO, target: str, min_rows: int) -> tuple[tuple[str, ...], int, int]:
    records = _records(name, opened)
    columns = _header(name, next(records, None), target)
    rows, empty = _counted(name, records, columns, target, min_rows)
    return columns, rows, empty


def _records(name: str, opened: BinaryIO) -> Iterator[list[str]]:
    text = io.TextIOWrapper(opened, encoding="utf-8", newline="")
    reader = csv.reader(text, strict=True)
    try:
        for record in reader:
            if record:
                yield record
    except UnicodeDecodeError as exc:
        raise InputError(f"{name}, near line {reader.line_num + 1}: it is not UTF-8; {_PREPARE}") from exc
    except csv.Error as exc:
        raise InputError(f"{name}, line {reader.line_num}: it is not CSV ({exc}); {_PREPARE}") from exc
    except (OSError, EOFError) as exc:
        raise InputError(f"{name} cannot be read: {exc}") from exc
    finally:
        text.detach()


def _header(name: str, header: list[str] | None, target: str) -> tuple[str, ...]:
    if header is None:
        raise InputError(f"{name} is empty: it needs a header and at least {MIN_ROWS} rows")
    if header[0].startswith(_BOM):
        raise InputError(
            f"{name} begins with a byte-order mark, which would become part of the first column's name; {_PREPARE}"
        )
    if len(header) == 1 and (found := next((mark for mark in _OTHER_DELIMITERS if mark in header[0]), None)):
        raise InputError(f"{name}: its columns are separated by {found!r}, and SageMaker reads commas; {_PREPARE}")
    if any(not column.strip() for column in header):
        raise InputError(f"{name}: column {_blank(header)} of the header has no name: name it, or leave it out")
    if target not in header:
        raise InputError(f"{name} has no column {target!r} to predict; {_hint(header, target)}", columns=header)
    twice = sorted({column for column in header if header.count(column) > 1})
    if twice:
        raise InputError(
            f"{name}: the header names {', '.join(map(repr, twice))} twice: give each column a name of its own"
        )
    if len(header) == 1:
        raise InputError(f"{name} has no column beside the target {target!r}: there is nothing to predict it from")
    return tuple(header)


def _blank(header: list[str]) -> int:
    return next(at for at, column in enumerate(header, 1) if not column.strip())


def _hint(header: list[str], target: str) -> str:
    if all(_is_number(column) for column in header):
        return "its first line looks like data: SageMaker needs a header"
    near = [column for column in header if column.strip().lower() == target.strip().lower()]
    return f"did you mean {near[0]!r}?" if near else f"its columns are {', '.join(header)}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _counted(
    name: str, records: Iterable[list[str]], columns: tuple[str, ...], target: str, min_rows: int
) -> tuple[int, int]:
    """Return the number of rows, and of those without a target."""
    place, width = columns.index(target), len(columns)
    rows = empty = 0
    first, differ = None, False
    for record in records:
        if len(record) != width:
            raise InputError(
                f"{name}, row {rows} (counted from 0, the header not included): {len(record)} fields where the header "
                f"has {width}; {_PREPARE}",
                row=rows,
            )
        rows += 1
        value = record[place].strip()
        if not value:
            empty += 1
        elif first is None:
            first = value
        else:
            differ = differ or value != first
    _require_rows(name, rows - empty, min_rows, target)
    if min_rows > 1 and not differ:
        raise InputError(f"{name}: every row has the same {target!r}, {first!r}: there is nothing to learn")
    return rows, empty


def _require_rows(name: str, rows: int, least: int, target: str) -> None:
    if rows < least:
        raise InputError(
            f"{name} has {rows:,} rows with a value of {target!r}, and SageMaker trains on {least} or more: add rows",
            rows=rows,
        )


def _parquet(path: Path, target: str) -> tuple[tuple[str, ...], int, int]:
    try:
        import pyarrow as pa  # noqa: PLC0415 - the extra may be missing
        import pyarrow.parquet as pq  # noqa: PLC0415 - the same
    except ModuleNotFoundError as exc:
        raise InputError(f"{path}: to check Parquet takes the extra [arrow]: pip install 'tailrace[arrow]'") from exc
    try:
        with pq.ParquetFile(path) as file:
            columns = _header(str(path), list(file.schema_arrow.names), target)
            empty = sum(batch.column(0).null_count for batch in file.iter_batches(columns=[target]))
            return columns, int(file.metadata.num_rows), empty
    except pa.ArrowInvalid as exc:
        raise InputError(f"{path} is no Parquet: {exc}") from exc


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Hashing(io.RawIOBase):
    """A file that hashes what is read from it."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._hash = hashlib.sha256()

    def readable(self) -> bool:
        """Return true."""
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Read and hash."""
        data = self._raw.read(len(buffer))
        buffer[: len(data)] = data
        self._hash.update(data)
        return len(data)

    def drain(self) -> None:
        """Hash what nobody read."""
        while data := self._raw.read(_BLOCK_BYTES):
            self._hash.update(data)

    def hexdigest(self) -> str:
        """Return the digest of all bytes so far."""
        return self._hash.hexdigest()
