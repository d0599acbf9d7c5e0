"""Cutting of a byte stream at record boundaries, byte for byte, in bounded memory and in one pass.

The input is read to buffers, scanned there, and cut. Each cut keeps the structure that the scan
found, for the checks and the column selection that follow. Rows count from 0; offsets are in bytes
from the start of the stream.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from tailrace_core.csv_text.framing import MAX_RECORD_BYTES, DescribePosition, byte_position, endless_record
from tailrace_core.errors import RecordTooLargeError
from tailrace_core.records.bitmaps import RankIndex
from tailrace_core.records.buffers import BlockReader, Buffer
from tailrace_core.records.malloc import retain_freed_memory
from tailrace_core.records.structure import Structure

SCAN_BYTES = 4 * 1024 * 1024
"""Size of a scan, of a buffer unless a cut needs more, and about that of a window.

The larger, the less work there is in the interpreter between NumPy operations.
"""
_PIECE_BYTES = 64 * 1024
"""Size of the pieces of a cut: to write 4 MiB at once costs a kernel three times the CPU."""
_BLOCK_BYTES = 1024 * 1024
"""A smaller block is all that its source had at the moment."""


Content = bytes | memoryview
"""The bytes of whole records."""

Boundaries = Sequence[int]
"""Offsets, ascending. The caller may add to a list of them before it yields the bytes there."""


@dataclass(frozen=True, slots=True)
class Window:
    """Whole records in a cut, and their structure."""

    start: int
    structure: Structure

    @property
    def stop(self) -> int:
        """Offset in the cut where the window ends."""
        return self.start + self.structure.size


class Cut:
    """A cut of ``rows`` whole records from ``first_row`` on, ``size`` bytes long.

    The windows tile its ``data``. Both are made on first use. To pass the bytes on without a copy,
    take the ``pieces``. ``offset`` is where it starts in the input.
    """

    def __init__(self, first_row: int, rows: int, offset: int, place: _Place | None, data: bytes | None = None) -> None:
        self.first_row = first_row
        self.rows = rows
        self.offset = offset
        self.size = place.size if place is not None else len(data or b"")
        self._place = place
        self._data = data
        self._windows: tuple[Window, ...] = ()

    @classmethod
    def of(cls, data: bytes, first_row: int = 0) -> Self:
        """Make a cut of whole records in memory."""
        structure = Structure.of(data)
        cut = cls(first_row, structure.rows, 0, None, data)
        cut._windows = (Window(0, structure),) if data else ()
        return cut

    @property
    def pieces(self) -> tuple[memoryview, ...]:
        """The bytes in order, as slices of what was read."""
        whole = self._place.view if self._data is None and self._place is not None else memoryview(self.data)
        return tuple(whole[start : start + _PIECE_BYTES] for start in range(0, self.size, _PIECE_BYTES))

    @property
    def data(self) -> bytes:
        """The bytes in one piece."""
        if self._data is None and self._place is not None:
            self._data = self._place.view.tobytes()
            if self._windows:
                self._place = None  # frees the buffer, now that there is a copy
        return self._data or b""

    @property
    def content(self) -> Content:
        """The bytes in one piece: a slice of what was read where that is most of a buffer.

        A slice keeps the whole buffer in memory.
        """
        if self._data is None and self._place is not None and 2 * self.size > self._place.buffer.capacity:
            return self._place.view
        return self.data

    @property
    def windows(self) -> tuple[Window, ...]:
        """The bytes in windows of whole records."""
        if self._place is not None and not self._windows:
            self._windows = tuple(self._place.windows(self.rows))
            if self._data is not None:
                self._place = None
        return self._windows

    @property
    def scanned(self) -> tuple[bytes | bytearray, int]:
        """The bytes where they were scanned, without a copy, and where there the cut begins.

        Their memory is used again once the cut is gone, unless somebody has a view of it: keep the
        cut as long as the bytes.
        """
        if self._data is None and self._place is not None:
            return self._place.buffer.data, self._place.start
        return self.data, 0


@dataclass(frozen=True, slots=True)
class _Place:
    """The place of a cut in a buffer."""

    buffer: Buffer
    start: int
    size: int

    @property
    def view(self) -> memoryview:
        return self.buffer.view(self.start, self.start + self.size)

    def windows(self, rows: int) -> Iterator[Window]:
        whole = self.buffer.structure(self.start, self.size, rows)
        window_bytes = self.buffer.scan_bytes
        if self.size < 2 * window_bytes:
            yield Window(0, whole)
            return
        ends = RankIndex(whole.ends)
        start = passed = 0
        while start < self.size:
            upto = max(ends.rank(min(start + window_bytes, self.size)), passed + 1)
            stop = min(ends.select(upto - 1) + 1, self.size)
            yield Window(start, whole.slice(start, stop - start, upto - passed))
            start, passed = stop, upto


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
    blocks: Iterable[bytes],
    limits: Limits,
    describe: DescribePosition = byte_position,
    *,
    scan_bytes: int = SCAN_BYTES,
    first_row: int = 0,
    boundaries: Boundaries = (),
) -> Iterator[Cut]:
    """Cut the input into contiguous cuts.

    Each has as many records as the limits allow, at least one. The cuts depend on the bytes and the
    limits alone, not on the sizes of the blocks. Reading the same input again gives the same cuts;
    continuing a job relies on that. An input that ends inside quotes yields its end as the last
    record; `tailrace_core.records.screening` refuses it if it swallows lines.

    Rows count from ``first_row``. A record that starts at one of the ``boundaries`` or behind it is
    in another cut than those before it.

    Raises:
        RecordTooLargeError: a single record is over a limit.
    """
    retain_freed_memory()
    reader = BlockReader(blocks, min(scan_bytes, _BLOCK_BYTES))
    return _Cutter(reader, limits, describe, scan_bytes, first_row, boundaries).cuts()


class _Cutter:
    """Fills one cut after the other.

    Positions count from the start of the buffer. It holds the cut that is being filled, the bytes
    after it, and perhaps cuts before it.
    """

    def __init__(
        self,
        reader: BlockReader,
        limits: Limits,
        describe: DescribePosition,
        scan_bytes: int,
        first_row: int,
        boundaries: Boundaries,
    ) -> None:
        self._reader = reader
        self._limits = limits
        self._describe = describe
        self._scan_bytes = scan_bytes
        self._typical_bytes = min(limits.size_bytes, scan_bytes)
        """Size of a cut with its margin, by the one before."""
        self._first_row = first_row
        self._boundaries = boundaries
        self._passed_boundaries = 0
        self._large = False
        self._offset = 0
        """Offset of the buffer in the input."""
        self._buffer = Buffer(self._capacity(0), scan_bytes)
        self._start = self._stop = 0
        """Start of the cut, and the end of its last record so far."""
        self._rows = self._passed = 0
        """Records of the cut, and record ends in the buffer, up to there."""

    def cuts(self) -> Iterator[Cut]:
        """Yield all cuts of an input."""
        while self._buffer.fill(self._reader):
            yield from self._full_cuts()
            if self._buffer.is_full:
                self._move(self._start)
        yield from self._full_cuts()
        yield from self._last_cuts()

    def _full_cuts(self) -> Iterator[Cut]:
        """Yield the full cuts; the rest waits for more."""
        buffer = self._buffer
        ends = RankIndex(buffer.ends)
        # Records that end within the room are not over a limit, even if all records of the buffer
        # do.
        while (reach := self._stop + self._room) < buffer.size or self._passed < ends.count:
            if self._boundaries and self._crosses_boundary():
                yield self._take()
                continue
            rows = ends.rank(min(reach, buffer.size)) - self._passed
            if rows:
                if self._boundaries:
                    rows = min(rows, self._rows_to_boundary(ends))
                rows = min(rows, 1 if self._large else self._limits.rows - self._rows)
                self._passed += rows
                yield from self._accept(ends.select(self._passed - 1) + 1, rows)
            else:
                yield from self._make_room()

    def _last_cuts(self) -> Iterator[Cut]:
        """Yield the remaining cuts at the end of the input."""
        while self._buffer.size - self._stop > self._room:
            yield from self._make_room()
        if self._buffer.size > self._stop:
            if self._crosses_boundary():
                yield self._take()
            yield from self._accept(self._buffer.size, 1)
        if self._rows:
            yield self._take()

    @property
    def _room(self) -> int:
        """Maximum bytes of the next record."""
        record_bytes = self._limits.record_bytes
        return record_bytes if self._large else min(self._limits.size_bytes - (self._stop - self._start), record_bytes)

    def _crosses_boundary(self) -> bool:
        """Report whether the cut has rows, and the next record starts at a boundary."""
        at = self._offset + self._stop
        passed = bisect_right(self._boundaries, at, self._passed_boundaries)
        crosses = passed > self._passed_boundaries and self._rows > 0
        self._passed_boundaries = passed
        return crosses

    def _rows_to_boundary(self, ends: RankIndex) -> int:
        """Count the next records that start before the next boundary: one at least."""
        if self._passed_boundaries == len(self._boundaries):
            return ends.count - self._passed
        place = self._boundaries[self._passed_boundaries] - self._offset
        # A record starts before a place if a newline stands two bytes before it, or further.
        return 1 + ends.rank(min(place - 1, self._buffer.size)) - self._passed

    def _accept(self, stop: int, rows: int) -> Iterator[Cut]:
        """Accept the records up to ``stop``."""
        if self._large:
            self._check_large(stop - self._stop)
        self._stop = stop
        self._rows += rows
        if self._large or self._rows == self._limits.rows:
            self._large = False
            yield self._take()

    def _make_room(self) -> Iterator[Cut]:
        """Begin another cut, or a cut for one large record, as the next record does not fit."""
        if self._room == self._limits.record_bytes:
            raise self._endless()
        if self._rows:
            yield self._take()
        else:
            self._large = True

    def _take(self) -> Cut:
        """Return the accepted records as a cut, and begin another."""
        start, size = self._start, self._stop - self._start
        done = Cut(self._first_row, self._rows, self._offset + start, _Place(self._buffer, start, size))
        self._first_row += self._rows
        self._typical_bytes = max(size, min(size + size // 32, self._limits.size_bytes))
        self._start, self._rows = self._stop, 0
        return done

    def _move(self, start: int) -> None:
        """Go on in a new buffer with what stands from ``start`` on."""
        buffer = self._buffer
        left = buffer.size - start
        self._offset += start
        if left <= buffer.unreadable_bytes:
            self._reader.unread(left)
            head = b""
        else:
            head = buffer.view(start, buffer.size).tobytes()
        self._buffer = Buffer(self._capacity(left), self._scan_bytes, head)
        self._start = self._stop = self._rows = self._passed = 0

    def _capacity(self, left: int) -> int:
        """Return the size of a buffer for the next cuts.

        It begins with ``left`` bytes. The byte after a cut shows that no record more fits into it.
        """
        room = self._scan_bytes
        cut_bytes = self._typical_bytes
        return max(room // cut_bytes * cut_bytes, cut_bytes, 2 * left) + 1

    def _endless(self) -> RecordTooLargeError:
        row, offset = self._first_row + self._rows, self._offset + self._stop
        beginning = self._buffer.view(self._stop, self._buffer.size)[: self._limits.record_bytes].tobytes()
        return endless_record(
            beginning, row=row, offset=offset, limit_bytes=self._limits.record_bytes, describe=self._describe
        )

    def _check_large(self, size_bytes: int) -> None:
        row, offset = self._first_row, self._offset + self._stop
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
