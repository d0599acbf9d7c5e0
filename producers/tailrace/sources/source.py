"""The source of a job: the user's files, objects and streams, joined to one stream of CSV records.

A name is a path of a file or a directory, a pattern, ``-`` for standard input, ``s3://bucket/key``
or ``s3://bucket/prefix/``. Gzip and zstd are recognised by content. Several names make one input in
the order given; their headers must be the same.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from types import TracebackType
from typing import Self

from tailrace.sources.origins import OpenObject, Origin, Readable
from tailrace.sources.resolving import resolve_all
from tailrace.sources.streams import BinaryStream
from tailrace_core.compression.decompression import BLOCK_BYTES, PARQUET, decompress, is_compressed, peek
from tailrace_core.csv_text.headers import HeaderPolicy, column_names
from tailrace_core.csv_text.heads import (
    SNIFF_BYTES,
    FileHead,
    begins_object,
    check_no_document,
    check_same_header,
    ends_inside_quotes,
    header_only,
    read_head,
)
from tailrace_core.csv_text.records import QuoteFollower, QuoteState
from tailrace_core.errors import InputError
from tailrace_core.jobs.settings import SourceFormat

__all__ = ["OpenObject", "Readable", "Source"]

_MANY = 10
_CHECKS_AT_ONCE = 8


class Source:
    """One input from all names given; a context manager, to be read once.

    ``header`` is the first header record without its line end (None under ``HeaderPolicy.NONE``).
    ``columns`` are the column names. ``bom_dropped`` tells whether the first file began with a byte
    order mark, which is not data. ``line_end`` is that of its first record. ``is_lines`` is true
    for JSON Lines: then the columns are the keys of the first line, and the blocks are the lines as
    they are (`tailrace.sources.json_lines_source` reads them to CSV). ``is_parquet`` is true for
    Parquet files, whose rows come as CSV. ``is_typed`` is true for tables whose quotes tell text
    from numbers, as those of Parquet do.
    """

    def __init__(
        self,
        origins: Sequence[Origin],
        header: HeaderPolicy,
        *,
        is_lines: bool | None = False,
        typed_tables: bool = False,
    ) -> None:
        self.is_typed = typed_tables and all(each.open_typed is not None for each in origins)
        if self.is_typed:
            origins = [replace(each, open=each.open_typed or each.open) for each in origins]
        self._origins = origins
        self._policy = header
        self._read_before = 0
        self._files_read: list[tuple[int, int, str]] = []
        """For each file so far: its offset in the data, the offset of the data in the file, its
        name."""
        self._stripe_starts: list[list[int]] = []
        """For each file, the offsets in it, as stored, at which a stripe begins."""
        self._boundaries: list[int] = []
        self._consumed = False
        self._current = _OpenFile(origins[0], is_lines=is_lines)
        self.is_lines, self.is_parquet = self._current.is_lines, self._current.is_parquet
        try:
            record = self._current.first_record
            if self.is_lines:
                self._policy = HeaderPolicy.NONE
                self.columns = _columns_of_lines(record, origins[0].name, header)
            else:
                self._require_names(header)
                self.columns = column_names(record, header)
            self.header = None if self._policy is HeaderPolicy.NONE else record
            self.line_end = self._current.line_end
            self.bom_dropped = self._current.bom_dropped
            self._check_all_files()
        except BaseException:
            self.close()
            raise

    @classmethod
    def open(
        cls,
        names: Sequence[str | BinaryStream | Origin],
        *,
        header: HeaderPolicy,
        stdin: BinaryStream | None = None,
        s3: OpenObject | None = None,
        pattern: str | None = None,
        is_lines: bool | None = False,
        typed_tables: bool = False,
    ) -> Self:
        """Open the names and check the head of each file.

        The head of a later stream is checked when it is reached. ``is_lines`` is true for JSON
        Lines; None if the content of the first file decides, which may be Parquet then. With
        ``typed_tables``, an input of nothing but tables ``is_typed``.

        Raises:
            InputError: a name does not exist; a file is empty, is not CSV in UTF-8, or has another
                header than the first; or the input holds only headers.
        """
        if not names:
            raise InputError("no input is named: name a file, a pattern, s3://bucket/key, or - for standard input")
        origins = resolve_all(names, stdin=stdin, s3=s3, pattern=pattern)
        table = next((each for each in origins if each.is_table), None)
        if table is not None and header is HeaderPolicy.NONE:
            raise InputError(f'{table.name} has column names: leave out header="none"')
        return cls(origins, header, is_lines=is_lines, typed_tables=typed_tables)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the files, streams and objects of the input, in order."""
        return tuple(origin.name for origin in self._origins)

    @property
    def size_hint_bytes(self) -> int | None:
        """Size of all files as stored, compressed or not; None when one size is unknown."""
        sizes = [origin.size_bytes for origin in self._origins if origin.size_bytes is not None]
        return sum(sizes) if len(sizes) == len(self._origins) else None

    @property
    def bytes_read(self) -> int:
        """Bytes read so far, out of ``size_hint_bytes``."""
        return self._read_before + self._current.bytes_read

    @property
    def head(self) -> bytes:
        """The first bytes of the first file, decompressed, as far as they were read to open it."""
        return self._current.head

    @property
    def lies_in_s3(self) -> bool:
        """True if the input is nothing but objects of S3, so that it is cut by stripes."""
        return not self.is_parquet and all(origin.stored is not None for origin in self._origins)

    def boundaries(self, stripe_bytes: int) -> Sequence[int]:
        """Return the offsets in the data at which stripes begin; none if ``stripe_bytes`` is 0.

        The list grows while the blocks are read: it holds an offset before the bytes there come.

        Raises:
            InputError: an input has no size, as a stream, or there are too many stripes.
        """
        if not stripe_bytes:
            return ()
        from tailrace_core.submission.striping.manifest import SourceObject, stripe_starts  # noqa: PLC0415 - few need it

        sizes = [origin.size_bytes for origin in self._origins]
        if None in sizes or self.is_parquet:
            raise InputError("the job's objects were cut by stripes, by their sizes: name those objects or files")
        objects = [SourceObject(bucket="", key="", size_bytes=size or 0) for size in sizes]
        self._stripe_starts = stripe_starts(objects, stripe_bytes)
        return self._boundaries

    @property
    def source_format(self) -> SourceFormat:
        """The format that says what quotes in the records mean."""
        is_typed = self.is_lines or self.is_parquet or self.is_typed
        return SourceFormat.JSONL if is_typed else SourceFormat.CSV

    def blocks(self) -> SourceBlocks:
        """Read the data records in blocks of 1 MiB or less that end anywhere.

        Headers are left out (strip, repeat). The bytes that a stream has at the moment make a
        block, however few they are.

        If a file lacks its last newline and another file follows, a line end like its first
        record's is inserted.

        Raises:
            InputError: the source was read before. While reading: a file is cut off, damaged or
                unreadable, or ends inside quotes although another follows; or a stream has another
                header than the first.
        """
        if self._consumed:
            raise InputError("the input has been read already: open it again")
        self._consumed = True
        return SourceBlocks(self._all_blocks(), self)

    def describe_position(self, offset: int) -> str:
        """Describe an offset of the data read so far as a place in the files.

        The files are decompressed, headers included.
        """
        begins, data_start, name = next(
            (each for each in reversed(self._files_read) if each[0] <= offset), (0, 0, self._origins[0].name)
        )
        of = f" of {name}" if len(self._origins) > 1 else ""
        return f"at byte {offset - begins + data_start}{of}"

    def known_rejects(self, first_row: int, rows: int) -> dict[int, str]:  # noqa: ARG002 - the protocol's
        """Return nothing: the rows are as they were read, and not judged yet."""
        return {}

    def close(self) -> None:
        """Close the open file."""
        self._current.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _require_names(self, header: HeaderPolicy) -> None:
        first = self._origins[0]
        if header is HeaderPolicy.NONE and (self.is_parquet or first.is_table):
            raise InputError(f'{first.name} has column names: leave out header="none"')

    def _check_all_files(self) -> None:
        """Check all reopenable files now.

        A fault found later would break a half submitted job.
        """
        holds_data = self._current.holds_data(self._policy)
        for each in self._checked(self._origins[1:]):
            holds_data |= each
        if not holds_data:
            name = self._origins[0].name
            if self.is_parquet or self._origins[0].is_table:
                raise InputError(f"{name} has no rows: give one with rows to score")
            raise header_only(name)

    def _checked(self, origins: Sequence[Origin]) -> Iterator[bool]:
        """Check files, and report for each whether it holds data, as far as that is known."""
        if len(origins) < _MANY or any(origin.stored is None for origin in origins):
            yield from map(self._check, origins)
            return
        # The first bytes of an object take a round trip.
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - few inputs have many objects

        with ThreadPoolExecutor(_CHECKS_AT_ONCE, "tailrace-heads") as pool:
            try:
                yield from pool.map(self._check, origins)
            finally:
                pool.shutdown(cancel_futures=True)

    def _check(self, origin: Origin) -> bool:
        if not origin.reopenable:
            return True
        file = self._open_next(origin)
        try:
            self._check_header(file)
            return file.holds_data(self._policy)
        finally:
            file.close()

    def _check_header(self, file: _OpenFile) -> None:
        if self.header is not None:
            check_same_header(
                file.first_record,
                file.name,
                header=self.header,
                columns=self.columns,
                first=self._origins[0].name,
            )

    def _all_blocks(self) -> Iterator[bytes]:
        offset = 0
        try:
            for position, origin in enumerate(self._origins):
                if position:
                    self._next(origin)
                self._files_read.append((offset, self._current.data_offset(self._policy), self._current.name))
                starts = self._stripe_starts[position : position + 1]
                self._boundaries += self._current.boundaries(self._policy, offset, starts)
                blocks = self._current.blocks(self._policy)
                last = position == len(self._origins) - 1
                for block in blocks if last else _end_last_record(blocks, self._current, self._policy):
                    offset += len(block)
                    yield block
        finally:
            self.close()

    def read_into(self, room: memoryview) -> int | None:
        """Read the next bytes to ``room``, and return how many; 0 only at the end, or for no room.

        Returns None if they come in the next block: all but the last file, its head, and what is
        compressed or a stream.
        """
        is_last = len(self._files_read) == len(self._origins)
        return self._current.read_into(room) if is_last else None

    def unread(self, size_bytes: int) -> None:
        """Go back by some of the bytes that were read."""
        self._current.unread(size_bytes)

    def _open_next(self, origin: Origin) -> _OpenFile:
        """Open an input behind the first one, which is of its format."""
        file = _OpenFile(origin, is_lines=None if self.is_parquet else self.is_lines)
        if self.is_parquet and not file.is_parquet:
            file.close()
            raise InputError(f"{file.name} is no Parquet file, as the first input is: submit them as two inputs")
        return file

    def _next(self, origin: Origin) -> None:
        done = self._current
        done.close()
        file = self._open_next(origin)
        self._read_before += done.bytes_read
        self._current = file
        self._check_header(file)


class SourceBlocks:
    """The blocks of a source; what can be read to a place may be read so after them."""

    def __init__(self, blocks: Iterator[bytes], source: Source) -> None:
        self._blocks = blocks
        self.read_into = source.read_into
        self.unread = source.unread

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._blocks)


class _OpenFile:
    """A file that is being read."""

    def __init__(self, origin: Origin, *, is_lines: bool | None) -> None:
        self.name = origin.name
        self.bytes_read = 0
        if origin.is_table and is_lines:
            raise InputError(f"{self.name} is a table, and the first input is JSON Lines: submit them as two inputs")
        self._stream = origin.open()
        try:
            stored_head, stored = peek(self._stored(), SNIFF_BYTES)
            self._is_compressed = is_compressed(stored_head)
            self.is_parquet = is_lines is None and not origin.is_table and stored_head.startswith(PARQUET)
            self._is_plain = isinstance(self._stream, io.FileIO) and not self._is_compressed
            unpacked = self._parquet(origin, stored) if self.is_parquet else decompress(stored, self.name)
            known = False if origin.is_table or self.is_parquet else is_lines
            self._head = _read_head(*peek(unpacked, SNIFF_BYTES), self.name, is_lines=known)
        except BaseException:
            self.close()
            raise

    @property
    def is_lines(self) -> bool:
        """True for JSON Lines."""
        return self._head.is_lines

    @property
    def head(self) -> bytes:
        """The first bytes, decompressed."""
        return self._head.data

    @property
    def first_record(self) -> bytes:
        """The first record without its line end."""
        return self._head.first_record

    @property
    def line_end(self) -> bytes:
        """Line end of the first record; a newline if it has none."""
        return self._head.line_end

    @property
    def bom_dropped(self) -> bool:
        """True if the file began with a byte order mark."""
        return self._head.bom_dropped

    def holds_data(self, policy: HeaderPolicy) -> bool:
        """Report whether the file holds anything but the header."""
        if policy is HeaderPolicy.NONE or len(self._head.data) > self._head.record_end:
            return True
        following, self._head.rest = peek(self._head.rest, 1)
        return bool(following)

    def data_offset(self, policy: HeaderPolicy) -> int:
        """Return the offset in the file of the first byte that `blocks` yields."""
        return self._head.data_offset(policy)

    def boundaries(self, policy: HeaderPolicy, offset: int, starts: Sequence[Sequence[int]]) -> list[int]:
        """Return where stripes begin in the data, in which the file's own begins at ``offset``.

        ``starts`` holds the offsets for this file, if there are any. A compressed file is a stripe
        as a whole.
        """
        header_end = self.data_offset(policy)
        return [
            offset + max(0, start - header_end)
            for start in chain.from_iterable(starts)
            if start == 0 or not self._is_compressed
        ]

    def blocks(self, policy: HeaderPolicy) -> Iterator[bytes]:
        """Read the whole file; under strip and repeat, only the records after the header."""
        data = self._head.data
        head = data if policy is HeaderPolicy.NONE else data[self._head.record_end :]
        return chain((head,) if head else (), self._head.rest)

    def read_into(self, room: memoryview) -> int | None:
        """Read what follows the first of the `blocks`; None if it comes in blocks only."""
        if not self._is_plain:
            return None
        assert isinstance(self._stream, io.FileIO)  # noqa: S101  it is plain
        with self._reading():
            size = self._stream.readinto(room) or 0
        self.bytes_read += size
        return size

    def unread(self, size_bytes: int) -> None:
        """Go back by some of the bytes that were read."""
        assert isinstance(self._stream, io.FileIO)  # noqa: S101  bytes were read to a place
        self._stream.seek(-size_bytes, io.SEEK_CUR)
        self.bytes_read -= size_bytes

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()

    def _parquet(self, origin: Origin, stored: Iterator[bytes]) -> Iterator[bytes]:
        """Read Parquet as CSV; it is read from its end, so a stream is copied first."""
        from tailrace.sources.seekable import seekable_file  # noqa: PLC0415 - few inputs are Parquet
        from tailrace.sources.tables.parquet import parquet_blocks  # noqa: PLC0415 - as above

        self._is_plain = False
        file = seekable_file(self._stream, stored, origin.read_range, origin.size_bytes)
        if file is not self._stream:
            self._stream.close()
            self._stream = file
        size, self.bytes_read = origin.size_bytes or self.bytes_read, 0

        def on_share(share: float) -> None:
            self.bytes_read = round(size * share)

        return parquet_blocks(file, self.name, on_share)

    def _stored(self) -> Iterator[bytes]:
        while block := self._read():
            self.bytes_read += len(block)
            yield block

    def _read(self, size_bytes: int = BLOCK_BYTES) -> bytes:
        with self._reading():
            return self._stream.read(size_bytes)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(f"{self.name} cannot be read further than byte {self.bytes_read}: {error}") from error


def _read_head(head: bytes, blocks: Iterator[bytes], name: str, *, is_lines: bool | None) -> FileHead:
    if is_lines is None:
        check_no_document(head, name)
    if is_lines is False or (is_lines is None and not begins_object(head)):
        return read_head(head, blocks, name)
    from tailrace_core.csv_text.json_heads import read_source_head  # noqa: PLC0415 - most inputs are CSV

    return read_source_head(head, blocks, name, is_lines=is_lines)


def _columns_of_lines(record: bytes, name: str, header: HeaderPolicy) -> tuple[str, ...]:
    from tailrace_core.csv_text.json_heads import columns_of_lines  # noqa: PLC0415 - as above

    return columns_of_lines(record, name, header)


def _end_last_record(blocks: Iterator[bytes], file: _OpenFile, policy: HeaderPolicy) -> Iterator[bytes]:
    """Yield the blocks of a file that another follows; end its last record with a line end."""
    quotes, ended = QuoteFollower(file.data_offset(policy)), True
    for block in blocks:
        if not file.is_lines:
            quotes.feed(block)
        ended = block.endswith(b"\n")
        yield block
    if quotes.state is QuoteState.QUOTED:
        raise ends_inside_quotes(file.name, quotes.quote)
    if not ended:
        yield file.line_end
