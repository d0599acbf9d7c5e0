"""Cutting: a stream of bytes cut at record boundaries, byte for byte, in bounded memory and in one pass.

Blocks are gathered on a desk, looked at a window at a time, and leave it as cuts. Each cut carries the structure that
was found, for those who look at its records next. Rows are counted from 0, offsets in bytes from the start of what is
read here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from tailrace.structure import Structure
from tailrace_core.errors import RecordTooLargeError
from tailrace_core.framing import MAX_RECORD_BYTES

WINDOW_BYTES = 1024 * 1024
"""So much is looked at with each operation: enough to make its fixed cost small, and still in the cache."""


Place = Callable[[int], str]
"""Says of an offset, for messages, where that is for whoever reads them."""


def at_byte(offset: int) -> str:
    """The place of an offset in what is read here."""
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
class Cut:
    """``rows`` whole records from ``first_row`` on: ``data``, which the windows tile."""

    first_row: int
    rows: int
    data: bytes
    windows: tuple[Window, ...]

    @classmethod
    def of(cls, data: bytes, first_row: int = 0) -> Self:
        """Whole records that are there already."""
        structure = Structure.of(data)
        return cls(first_row, structure.rows, data, (Window(0, structure),) if data else ())


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
    blocks: Iterable[bytes], limits: Limits, place: Place = at_byte, *, window_bytes: int = WINDOW_BYTES
) -> Iterator[Cut]:
    """The input in contiguous cuts, each as many records as the limits allow, at least one.

    Where the cuts fall depends on the bytes and the limits alone, not on how the blocks were sliced: reading the same
    input again gives the same cuts, which is what continuing a job rests on. An input that ends inside quotes yields
    what stands there as its last record; a check further on is to refuse it.

    Raises:
        RecordTooLargeError: a record alone is over a limit.
    """
    cutter = _Cutter(limits, place, window_bytes)
    for block in blocks:
        for start in range(0, len(block), window_bytes):
            cutter.put(block if len(block) <= window_bytes else block[start : start + window_bytes])
            yield from cutter.cuts(final=False)
    yield from cutter.cuts(final=True)
    if cutter.rows:
        yield cutter.take()


class _Cutter:
    """Fills one cut after the other."""

    def __init__(self, limits: Limits, place: Place, window_bytes: int) -> None:
        self._limits = limits
        self._place = place
        self._window_bytes = window_bytes
        self._desk = _Desk(2 * window_bytes)
        self._first_row = 0
        self._offset = 0
        self._size = 0
        self._windows: list[Window] = []
        self._reach = self._window_bytes
        self._large = False
        self.rows = 0

    def put(self, block: bytes) -> None:
        """Take more of the input in."""
        self._desk.put(block)

    def cuts(self, *, final: bool) -> Iterator[Cut]:
        """The cuts that are full; what is left waits for more input, unless there is none."""
        while (pending := self._desk.size - self._size) > 0:
            reach = min(self._reach, self._room)
            if pending <= reach and not final:
                return
            structure = self._desk.scan(self._size, min(pending, reach), final=pending <= reach)
            if structure.rows:
                yield from self._accept(structure)
            elif reach < self._room:
                self._reach *= 2
            elif reach == self._limits.record_bytes:
                raise self._endless()
            elif self.rows:
                yield self.take()
            else:
                self._large = True

    def take(self) -> Cut:
        """What has been gathered so far, as a cut; an empty one begins after it."""
        done = Cut(self._first_row, self.rows, self._desk.take(self._size), tuple(self._windows))
        self._first_row += self.rows
        self._offset += self._size
        self._size, self.rows, self._windows = 0, 0, []
        return done

    @property
    def _room(self) -> int:
        """How many bytes the next record may have."""
        record_bytes = self._limits.record_bytes
        return record_bytes if self._large else min(self._limits.size_bytes - self._size, record_bytes)

    def _accept(self, structure: Structure) -> Iterator[Cut]:
        self._reach = self._window_bytes
        if self._large:
            self._large = False
            self._check_large(structure.end_of(0))
            self._add(structure.slice(0, structure.end_of(0), 1))
            yield self.take()
        elif self.rows + structure.rows < self._limits.rows:
            self._add(structure.slice(0, structure.complete, structure.rows))
        else:
            yield from self._split(structure)

    def _split(self, structure: Structure) -> Iterator[Cut]:
        """Some of a window for this cut, the rest for those that follow."""
        stops = structure.stops()
        start = row = 0
        while row < structure.rows:
            rows = min(self._limits.rows - self.rows, structure.rows - row)
            row += rows
            stop = int(stops[row - 1])
            self._add(structure.slice(start, stop, rows))
            start = stop
            if self.rows == self._limits.rows:
                yield self.take()

    def _add(self, structure: Structure) -> None:
        self._windows.append(Window(self._size, structure))
        self._size += structure.size
        self.rows += structure.rows

    def _endless(self) -> RecordTooLargeError:
        row, offset = self._first_row + self.rows, self._offset + self._size
        return RecordTooLargeError(
            f"row {row} ({self._place(offset)}) is longer than {self._limits.record_bytes} bytes; "
            "probably a quote in it is not closed",
            row=row,
            offset=offset,
            limit_bytes=self._limits.record_bytes,
        )

    def _check_large(self, size_bytes: int) -> None:
        if self._limits.allow_large and self._first_row:
            return
        raise RecordTooLargeError(
            f"row {self._first_row} ({self._place(self._offset)}) has {size_bytes} bytes, more than the "
            f"{self._limits.size_bytes} that a chunk may have: allow larger chunks, or look for a quote that is not "
            "closed",
            row=self._first_row,
            offset=self._offset,
            size_bytes=size_bytes,
            limit_bytes=self._limits.size_bytes,
        )


class _Desk:
    """Bytes that came in and have not left yet, side by side in memory that is used again and again."""

    def __init__(self, size: int) -> None:
        self._memory = bytearray(size)
        self._start = 0
        self._stop = 0

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return self._stop - self._start

    def put(self, block: bytes) -> None:
        """Add bytes."""
        if self._stop + len(block) > len(self._memory):
            self._make_room(len(block))
        self._memory[self._stop : self._stop + len(block)] = block
        self._stop += len(block)

    def scan(self, start: int, size: int, *, final: bool) -> Structure:
        """The structure of some of the bytes."""
        begin = self._start + start
        octets = np.frombuffer(self._memory, np.uint8, size, begin)
        return Structure.scan(octets, quoted=self._memory.find(b'"', begin, begin + size) >= 0, final=final)

    def take(self, size: int) -> bytes:
        """Remove the first bytes."""
        with memoryview(self._memory) as memory:
            taken = bytes(memory[self._start : self._start + size])
        self._start += size
        return taken

    def _make_room(self, size: int) -> None:
        left = self._memory[self._start : self._stop]
        if len(left) + size > len(self._memory):
            self._memory = bytearray(2 * (len(left) + size))
        self._memory[: len(left)] = left
        self._start, self._stop = 0, len(left)
