"""Cutting of a byte stream at record boundaries, byte for byte, in bounded memory and in one pass.

Blocks are scanned one at a time and gathered into cuts. Each cut keeps the structure that the scan
found, for the checks and the column selection that follow. Rows count from 0; offsets are in bytes
from the start of the stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Self

from tailrace.records.bitmaps import RankIndex
from tailrace.records.malloc import retain_freed_memory
from tailrace.records.scanning import scan_blocks
from tailrace.records.structure import BlockSlice, ScannedBlock, Structure
from tailrace_core.csv_text.framing import MAX_RECORD_BYTES
from tailrace_core.csv_text.records import START, QuoteState, quoted_spans, state_behind
from tailrace_core.errors import RecordTooLargeError

SCAN_BYTES = 1024 * 1024
"""Size of a scan: enough to make its fixed cost small, and still in the CPU's cache."""
_WINDOW_SCANS = 2
"""A window holds more than this many scans: later steps do more work in the interpreter between
NumPy operations."""

DescribePosition = Callable[[int], str]
"""Describes an offset for error messages, as a place in the user's files."""


def byte_position(offset: int) -> str:
    """Describe an offset as a place in the stream."""
    return f"at byte {offset}"


@dataclass(frozen=True, slots=True)
class Window:
    """Whole records in a cut, and their structure."""

    start: int
    structure: Structure

    @property
    def stop(self) -> int:
        """Offset in the cut where the window ends."""
        return self.start + self.structure.size


@dataclass(frozen=True, slots=True)
class _Section:
    """Slices that hold ``rows`` records, to be joined to a window.

    ``ended``: the last record has a line end.
    """

    parts: Sequence[BlockSlice]
    rows: int
    ended: bool

    def window(self, start: int) -> Window:
        return Window(start, Structure.join(self.parts, self.rows, ended=self.ended))


class Cut:
    """A cut of ``rows`` whole records from ``first_row`` on, ``size`` bytes long.

    The windows tile its ``data``. ``data`` and ``windows`` are assembled on first use. To pass the
    bytes on without a copy, take the ``pieces``. ``offset`` is where it starts in the input.
    """

    def __init__(self, first_row: int, rows: int, sections: Sequence[_Section], offset: int = 0) -> None:
        self.first_row = first_row
        self.rows = rows
        self.offset = offset
        self.size = sum(stop - start for each in sections for _, start, stop in each.parts)
        self._sections = tuple(sections)
        self._data: bytes | None = None
        self._windows: tuple[Window, ...] = ()

    @classmethod
    def of(cls, data: bytes, first_row: int = 0) -> Self:
        """Make a cut of whole records in memory."""
        structure = Structure.of(data)
        cut = cls(first_row, structure.rows, ())
        cut.size, cut._data, cut._windows = len(data), data, (Window(0, structure),) if data else ()
        return cut

    @property
    def pieces(self) -> tuple[memoryview, ...]:
        """The bytes in order, as slices of the blocks that were read."""
        if self._data is not None:
            return (memoryview(self._data),)
        parts = (part for section in self._sections for part in section.parts)
        return tuple(memoryview(block.data)[start:stop] for block, start, stop in parts)

    @property
    def data(self) -> bytes:
        """The bytes in one piece."""
        return self._data if self._data is not None else self._assemble()

    @property
    def windows(self) -> tuple[Window, ...]:
        """The bytes in windows of whole records."""
        if self._data is None:
            self._assemble()
        return self._windows

    def _assemble(self) -> bytes:
        windows: list[Window] = []
        for section in self._sections:
            windows.append(section.window(windows[-1].stop if windows else 0))
        self._data = b"".join(self.pieces)
        self._windows = tuple(windows)
        # Free the blocks, now that there is a copy.
        self._sections = ()
        return self._data


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Maximum rows and bytes of a cut, and maximum bytes of a record."""

    rows: int
    size_bytes: int
    record_bytes: int = MAX_RECORD_BYTES
    allow_large: bool = False
    """True: a record over ``size_bytes`` makes a cut of its own."""

    def __post_init__(self) -> None:
        if self.rows < 1 or self.size_bytes < 1:
            raise ValueError(f"a cut holds a row and a byte at least: rows={self.rows}, size_bytes={self.size_bytes}")


def cut(
    blocks: Iterable[bytes], limits: Limits, describe: DescribePosition = byte_position, *, scan_bytes: int = SCAN_BYTES
) -> Iterator[Cut]:
    """Cut the input into contiguous cuts.

    Each has as many records as the limits allow, at least one. The cuts depend on the bytes and the
    limits alone, not on the sizes of the blocks. Reading the same input again gives the same cuts;
    continuing a job relies on that. An input that ends inside quotes yields its end as the last
    record; `tailrace.records.screening` refuses it if it swallows lines.

    Raises:
        RecordTooLargeError: a single record is over a limit.
    """
    retain_freed_memory()
    cutter = _Cutter(limits, describe, scan_bytes)
    with closing(scan_blocks(blocks, scan_bytes)) as scanned_blocks:
        for block in scanned_blocks:
            yield from cutter.cuts(block)
        yield from cutter.last_cuts()


class _Cutter:
    """Fills one cut after the other; offsets count from the start of the input."""

    def __init__(self, limits: Limits, describe: DescribePosition, scan_bytes: int) -> None:
        self._limits = limits
        self._describe = describe
        self._builder = _CutBuilder(_WINDOW_SCANS * scan_bytes)
        self._read = 0
        self._large = False

    def cuts(self, block: ScannedBlock) -> Iterator[Cut]:
        """Add a block and yield the cuts that are full; the rest waits for more."""
        builder = self._builder
        builder.put(block)
        begin, self._read = self._read, self._read + len(block.data)
        ends = RankIndex(block.ends)
        passed = 0
        # Records that end within the room are not over a limit, even if all records of the block
        # do.
        while (reach := builder.stop + self._room) < self._read or passed < ends.count:
            rows = ends.rank(min(reach, self._read) - begin) - passed
            if rows:
                rows = min(rows, 1 if self._large else self._limits.rows - builder.rows)
                passed += rows
                yield from self._accept(begin + ends.select(passed - 1) + 1, rows)
            else:
                yield from self._make_room()

    def last_cuts(self) -> Iterator[Cut]:
        """Yield the remaining cuts at the end of the input."""
        builder = self._builder
        while (left := self._read - builder.stop) > self._room:
            yield from self._make_room()
        if left:
            builder.ended = False
            yield from self._accept(self._read, 1)
        if builder.rows:
            yield builder.take()

    @property
    def _room(self) -> int:
        """Maximum bytes of the next record."""
        record_bytes = self._limits.record_bytes
        return record_bytes if self._large else min(self._limits.size_bytes - self._builder.size, record_bytes)

    def _accept(self, stop: int, rows: int) -> Iterator[Cut]:
        """Accept the records up to ``stop``."""
        if self._large:
            self._check_large(stop - self._builder.stop)
        self._builder.add(stop, rows)
        if self._large or self._builder.rows == self._limits.rows:
            self._large = False
            yield self._builder.take()

    def _make_room(self) -> Iterator[Cut]:
        """Begin another cut, or a cut for one large record, as the next record does not fit."""
        if self._room == self._limits.record_bytes:
            raise self._endless()
        if self._builder.rows:
            yield self._builder.take()
        else:
            self._large = True

    def _endless(self) -> RecordTooLargeError:
        row, offset = self._builder.first_row + self._builder.rows, self._builder.stop
        quote = self._builder.open_quote(self._limits.record_bytes)
        cause = (
            "no record may be longer: shorten it, or leave it out"
            if quote is None
            else f"probably a quote in it is not closed, the one {self._describe(quote)}"
        )
        return RecordTooLargeError(
            f"row {row} ({self._describe(offset)}) is longer than {self._limits.record_bytes} bytes; {cause}",
            row=row,
            offset=offset,
            limit_bytes=self._limits.record_bytes,
        )

    def _check_large(self, size_bytes: int) -> None:
        row, offset = self._builder.first_row, self._builder.stop
        if self._limits.allow_large:
            return
        raise RecordTooLargeError(
            f"row {row} ({self._describe(offset)}) has {size_bytes} bytes, more than the "
            f"{self._limits.size_bytes} that a chunk may have: allow larger chunks, or look for a quote that is not "
            "closed",
            row=row,
            offset=offset,
            size_bytes=size_bytes,
            limit_bytes=self._limits.size_bytes,
        )


class _CutBuilder:
    """Builds cuts of whole records from scanned blocks."""

    def __init__(self, window_bytes: int) -> None:
        self._window_bytes = window_bytes
        self._parts: list[BlockSlice] = []
        """Slices that are not in a section yet."""
        self._section_size = self._section_rows = 0
        self._sections: list[_Section] = []
        self.first_row = 0
        self.rows = 0
        self.size = 0
        self.stop = 0
        """Offset in the input after the last record that was added."""
        self.ended = True
        """True while the last record that was added has a line end."""

    def put(self, block: ScannedBlock) -> None:
        """Append the next block; only records that end in this block may be added now."""
        self._parts.append((block, 0, len(block.data)))

    def add(self, stop: int, rows: int) -> None:
        """Add ``rows`` records that end at ``stop``, an offset in the input."""
        size = stop - self.stop
        self.stop = stop
        self.size += size
        self.rows += rows
        self._section_size += size
        self._section_rows += rows
        if self._section_size > self._window_bytes:
            self._close_section()

    def take(self) -> Cut:
        """Return the added records as a cut, and begin another."""
        if self._section_size:
            self._close_section()
        done = Cut(self.first_row, self.rows, self._sections, self.stop - self.size)
        self.first_row += self.rows
        self.rows = self.size = 0
        self._sections = []
        return done

    def open_quote(self, record_bytes: int) -> int | None:
        """Return where the next record opens the quote that is open after ``record_bytes``."""
        _, pending = _split_at(self._parts, self._section_size)
        data = b"".join(block.data[start:stop] for block, start, stop in pending)[:record_bytes]
        start, stop = max(quoted_spans(data), default=(0, 0))
        is_open = state_behind(data, (start, stop), START) is QuoteState.QUOTED
        return self.stop + start if is_open else None

    def _close_section(self) -> None:
        parts, self._parts = _split_at(self._parts, self._section_size)
        self._sections.append(_Section(parts, self._section_rows, self.ended))
        self._section_size = self._section_rows = 0


def _split_at(parts: Sequence[BlockSlice], size: int) -> tuple[list[BlockSlice], list[BlockSlice]]:
    """Split slices into the first ``size`` bytes and the rest."""
    first: list[BlockSlice] = []
    left = size
    for number, (block, start, stop) in enumerate(parts):
        if stop - start > left:
            middle = start + left
            return [*first, (block, start, middle)], [(block, middle, stop), *parts[number + 1 :]]
        first.append((block, start, stop))
        left -= stop - start
    return first, []
