"""Cutting: a stream of bytes cut at record boundaries, byte for byte, in bounded memory and in one pass.

Blocks are looked at a stretch at a time and gathered into cuts. Each cut can tell the structure that was found, for
those who look at its records next. Rows are counted from 0, offsets in bytes from the start of what is read here.
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
from tailrace_core.errors import RecordTooLargeError

SCAN_BYTES = 1024 * 1024
"""So much is scan_blocks with each operation: enough to make its fixed cost small, and still in the cache."""
_WINDOW_SCANS = 2
"""A window is more than so many stretches, as further operations have more of the interpreter's work between them."""

DescribePosition = Callable[[int], str]
"""Says of an offset, for messages, where that is for whoever reads them."""


def byte_position(offset: int) -> str:
    """The describe of an offset in what is read here."""
    return f"at byte {offset}"


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of whole records in a cut, and where its records end."""

    start: int
    structure: Structure

    @property
    def stop(self) -> int:
        """Where it ends in the cut."""
        return self.start + self.structure.size


@dataclass(frozen=True, slots=True)
class _Section:
    """A window to be: its parts, which hold so many records, the last of which is ``ended`` by a newline or not."""

    parts: Sequence[BlockSlice]
    rows: int
    ended: bool

    def window(self, start: int) -> Window:
        return Window(start, Structure.join(self.parts, self.rows, ended=self.ended))


class Cut:
    """``rows`` whole records from ``first_row`` on, ``size`` bytes: ``data``, which the windows tile.

    Both are put together when somebody first asks for one of them; who only passes the bytes on takes the ``pieces``.
    """

    def __init__(self, first_row: int, rows: int, sections: Sequence[_Section]) -> None:
        self.first_row = first_row
        self.rows = rows
        self.size = sum(stop - start for each in sections for _, start, stop in each.parts)
        self._sections = tuple(sections)
        self._data: bytes | None = None
        self._windows: tuple[Window, ...] = ()

    @classmethod
    def of(cls, data: bytes, first_row: int = 0) -> Self:
        """Whole records that are there already."""
        structure = Structure.of(data)
        cut = cls(first_row, structure.rows, ())
        cut.size, cut._data, cut._windows = len(data), data, (Window(0, structure),) if data else ()
        return cut

    @property
    def pieces(self) -> tuple[memoryview, ...]:
        """The bytes as they came, one piece after the other."""
        if self._data is not None:
            return (memoryview(self._data),)
        parts = (part for section in self._sections for part in section.parts)
        return tuple(memoryview(stretch.data)[start:stop] for stretch, start, stop in parts)

    @property
    def data(self) -> bytes:
        """The bytes."""
        return self._data if self._data is not None else self._assemble()

    @property
    def windows(self) -> tuple[Window, ...]:
        """The bytes in stretches of whole records."""
        if self._data is None:
            self._assemble()
        return self._windows

    def _assemble(self) -> bytes:
        windows: list[Window] = []
        for section in self._sections:
            windows.append(section.window(windows[-1].stop if windows else 0))
        self._data = b"".join(self.pieces)
        self._windows = tuple(windows)
        # The blocks are not to be held beside the copy.
        self._sections = ()
        return self._data


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a cut may hold at most, and how long a record may be."""

    rows: int
    size_bytes: int
    record_bytes: int = MAX_RECORD_BYTES
    allow_large: bool = False
    """Whether a record over ``size_bytes`` makes a cut of its own; not the first of all: then the limit is wrong."""

    def __post_init__(self) -> None:
        if self.rows < 1 or self.size_bytes < 1:
            raise ValueError(f"a cut holds a row and a byte at least: rows={self.rows}, size_bytes={self.size_bytes}")


def cut(
    blocks: Iterable[bytes], limits: Limits, describe: DescribePosition = byte_position, *, scan_bytes: int = SCAN_BYTES
) -> Iterator[Cut]:
    """The input in contiguous cuts, each as many records as the limits allow, at least one.

    Where the cuts fall depends on the bytes and the limits alone, not on how the blocks were sliced: reading the same
    input again gives the same cuts, which is what continuing a job rests on. An input that ends inside quotes yields
    what stands there as its last record; a check further on is to refuse it.

    Raises:
        RecordTooLargeError: a record alone is over a limit.
    """
    retain_freed_memory()
    cutter = _Cutter(limits, describe, scan_bytes)
    with closing(scan_blocks(blocks, scan_bytes)) as stretches:
        for stretch in stretches:
            yield from cutter.cuts(stretch)
        yield from cutter.last_cuts()


class _Cutter:
    """Fills one cut after the other; all offsets are those of the input."""

    def __init__(self, limits: Limits, describe: DescribePosition, scan_bytes: int) -> None:
        self._limits = limits
        self._describe = describe
        self._builder = _CutBuilder(_WINDOW_SCANS * scan_bytes)
        self._read = 0
        self._large = False

    def cuts(self, stretch: ScannedBlock) -> Iterator[Cut]:
        """The cuts that are full with what comes next; what is left waits for more."""
        builder = self._builder
        builder.put(stretch)
        begin, self._read = self._read, self._read + len(stretch.data)
        ends = RankIndex(stretch.ends)
        passed = 0
        # What ends within the room that there is, even if a whole stretch of records does, is not over a limit.
        while (reach := builder.stop + self._room) < self._read or passed < ends.count:
            rows = ends.rank(min(reach, self._read) - begin) - passed
            if rows:
                rows = min(rows, 1 if self._large else self._limits.rows - builder.rows)
                passed += rows
                yield from self._accept(begin + ends.select(passed - 1) + 1, rows)
            else:
                yield from self._make_room()

    def last_cuts(self) -> Iterator[Cut]:
        """The cuts that are left when no more comes."""
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
        """How many bytes the next record may have."""
        record_bytes = self._limits.record_bytes
        return record_bytes if self._large else min(self._limits.size_bytes - self._builder.size, record_bytes)

    def _accept(self, stop: int, rows: int) -> Iterator[Cut]:
        """Take in the records up to ``stop``."""
        if self._large:
            self._check_large(stop - self._builder.stop)
        self._builder.add(stop, rows)
        if self._large or self._builder.rows == self._limits.rows:
            self._large = False
            yield self._builder.take()

    def _make_room(self) -> Iterator[Cut]:
        """Begin another cut, or one for a large record: the next one is longer than there is room for."""
        if self._room == self._limits.record_bytes:
            raise self._endless()
        if self._builder.rows:
            yield self._builder.take()
        else:
            self._large = True

    def _endless(self) -> RecordTooLargeError:
        row, offset = self._builder.first_row + self._builder.rows, self._builder.stop
        return RecordTooLargeError(
            f"row {row} ({self._describe(offset)}) is longer than {self._limits.record_bytes} bytes; "
            "probably a quote in it is not closed",
            row=row,
            offset=offset,
            limit_bytes=self._limits.record_bytes,
        )

    def _check_large(self, size_bytes: int) -> None:
        row, offset = self._builder.first_row, self._builder.stop
        if self._limits.allow_large and row:
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
    """Whole records on their way into a cut, of stretches that came in."""

    def __init__(self, window_bytes: int) -> None:
        self._window_bytes = window_bytes
        self._parts: list[BlockSlice] = []
        """What came in and is not in a section yet."""
        self._section_size = self._section_rows = 0
        self._sections: list[_Section] = []
        self.first_row = 0
        self.rows = 0
        self.size = 0
        self.stop = 0
        """Where in the input the records end that have been added."""
        self.ended = True
        """Whether the last of them has a line end."""

    def put(self, stretch: ScannedBlock) -> None:
        """What comes next in the input; only in the last that was put may records end."""
        self._parts.append((stretch, 0, len(stretch.data)))

    def add(self, stop: int, rows: int) -> None:
        """Add the records up to a describe in the input."""
        size = stop - self.stop
        self.stop = stop
        self.size += size
        self.rows += rows
        self._section_size += size
        self._section_rows += rows
        if self._section_size > self._window_bytes:
            self._close_section()

    def take(self) -> Cut:
        """What was added, as a cut; another begins after it."""
        if self._section_size:
            self._close_section()
        done = Cut(self.first_row, self.rows, self._sections)
        self.first_row += self.rows
        self.rows = self.size = 0
        self._sections = []
        return done

    def _close_section(self) -> None:
        parts, self._parts = _split_at(self._parts, self._section_size)
        self._sections.append(_Section(parts, self._section_rows, self.ended))
        self._section_size = self._section_rows = 0


def _split_at(parts: Sequence[BlockSlice], size: int) -> tuple[list[BlockSlice], list[BlockSlice]]:
    """The first so many bytes, and the rest."""
    first: list[BlockSlice] = []
    left = size
    for number, (stretch, start, stop) in enumerate(parts):
        if stop - start > left:
            middle = start + left
            return [*first, (stretch, start, middle)], [(stretch, middle, stop), *parts[number + 1 :]]
        first.append((stretch, start, stop))
        left -= stop - start
    return first, []
