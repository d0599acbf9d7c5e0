"""Buffers: input from the start of a record on, in one piece, and the structure found in it.

A plain file is read in pieces of about a chunk, each of which is a buffer. What comes in blocks is
copied to one. Bitmaps begin with the buffer, so that those of a chunk need not be joined.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from contextlib import suppress

import numpy as np

from tailrace_core.csv_text.records import START, QuoteState
from tailrace_core.records import bitmaps
from tailrace_core.records.bitmaps import Words
from tailrace_core.records.structure import ScannedBlock, Structure

_KEPT = 64
"""Most buffers whose memory is used again. It is no more than were in use at once: a submit has its
chunks in flight."""

ReadInto = Callable[[memoryview], int | None]


class BlockReader:
    """Reads an input to given places.

    It comes in blocks, of which one of less than ``block_bytes`` is all that its source had at the
    moment. An input that has ``read_into`` and ``unread`` (see `tailrace.sources.source.Source`) is
    read with these where that is possible, without a copy.
    """

    def __init__(self, blocks: Iterable[bytes], block_bytes: int) -> None:
        self._blocks = iter(blocks)
        self._block_bytes = block_bytes
        self._read_into: ReadInto = getattr(blocks, "read_into", lambda _: None)
        self._left = memoryview(b"")
        self._goes_on = True
        self.unread: Callable[[int], None] = getattr(blocks, "unread", lambda _: None)
        """Goes back by some of the bytes that were read without a copy."""
        self.memory = _Memory()

    @property
    def copies(self) -> bool:
        """True if the next bytes come in a block."""
        return bool(self._left) or self._read_into(memoryview(bytearray())) is None

    def read_into(self, room: memoryview) -> int:
        """Fill ``room`` and return the number of bytes; 0 only at the end.

        Fewer than fit are all that the input has at the moment.
        """
        filled = 0
        while filled < len(room):
            if not self._left:
                size = self._read_into(room[filled:])
                if size:
                    filled += size
                    continue
                if size == 0 or (filled and not self._goes_on) or not self._next():
                    break
            copied = self._left[: len(room) - filled]
            room[filled : filled + len(copied)] = copied
            self._left = self._left[len(copied) :]
            filled += len(copied)
        return filled

    def _next(self) -> bool:
        """Take the next block that is not empty; return False at the end."""
        block = next(filter(None, self._blocks), b"")
        self._goes_on = len(block) >= self._block_bytes
        self._left = memoryview(block)
        return bool(block)


class _Memory:
    """Memory for buffers, which is used again once nobody has it.

    A bytearray is cleared when it is made, which takes half as long as reading to it. And a heap to
    which pieces of this size go back has gaps: it grows the longer the input is.
    """

    def __init__(self) -> None:
        self._given: list[tuple[weakref.ref[Buffer], bytearray]] = []

    def take(self, buffer: Buffer, head: bytes | bytearray) -> bytearray:
        """Return the capacity of the buffer; it begins with ``head``."""
        data = self._freed(buffer.capacity)
        if data is None:
            data = bytearray(buffer.capacity)
        data[: len(head)] = head
        self._given = [*self._given[1 - _KEPT :], (weakref.ref(buffer), data)]
        return data

    def _freed(self, capacity: int) -> bytearray | None:
        """Return memory that has no buffer any more, and of which there is no view."""
        for at, (buffer, data) in enumerate(self._given):
            if buffer() is None:
                # While there is a view, a bytearray cannot change its size.
                with suppress(BufferError):
                    data.append(0)
                    del data[capacity:], self._given[at]
                    return data.ljust(capacity, b"\0") if len(data) < capacity else data
        return None


class Buffer:
    """Up to ``capacity`` bytes of input, from the start of a record on, and their structure.

    It begins with ``head``. The bitmaps tell of the bytes that are scanned. They are scanned in
    stretches of ``scan_bytes``.
    """

    def __init__(self, capacity: int, scan_bytes: int, head: bytes = b"") -> None:
        self.capacity = capacity
        self.size = len(head)
        self.ends: Words = np.zeros(0, np.uint64)
        self.inside: Words | None = None
        self.commas: Words | None = None
        """None also if some stretch has no quote, and commas were not looked for there."""
        self.scan_bytes = scan_bytes
        self._scanned = 0
        self._state = START
        self.unreadable_bytes = 0
        """How many of the last bytes the reader can go back by."""
        self._data: bytes | bytearray = head

    @property
    def is_full(self) -> bool:
        """True if nothing more fits in."""
        return self.size == self.capacity

    def fill(self, reader: BlockReader) -> bool:
        """Read and scan until the buffer is full or the input has no more at the moment.

        Returns False at the end of the input.
        """
        if self.size <= self.scan_bytes and not reader.copies:
            self._fill_in_place(reader)
            return self.is_full
        if len(self._data) < self.capacity:
            self._data = bytearray(self._data).ljust(self.capacity, b"\0")
        while not self.is_full:
            stop = self._stretch_end(self.size)
            filled = reader.read_into(self.view(self.size, stop))
            self.size += filled
            self._scan()
            if self.size < stop:
                return filled > 0
        return True

    def structure(self, start: int, size: int, rows: int) -> Structure:
        """Return the structure of ``rows`` whole records."""
        unclosed = self._state is QuoteState.QUOTED
        return Structure(self.size, self.ends, self.inside, 0, unclosed, self.commas).slice(start, size, rows)

    @property
    def data(self) -> bytes | bytearray:
        """The bytes; those from ``size`` on are not of the input."""
        return self._data

    def view(self, start: int, stop: int) -> memoryview:
        """Return a slice of the bytes, without a copy."""
        return memoryview(self._data)[start:stop]

    def _fill_in_place(self, reader: BlockReader) -> None:
        """Read what follows to memory that is used again, and scan it.

        What is a single stretch is scanned part by part as it is read.
        """
        begin, capacity = self.size, self.capacity
        self._data = reader.memory.take(self, self._data)
        room = memoryview(self._data)

        def fetch(start: int, stop: int) -> None:
            if self.size in range(start, stop):
                self.size += reader.read_into(room[self.size : stop])

        block = None
        if not self._scanned and self._stretch_end(0) == capacity:
            block = ScannedBlock.scan(self._data, 0, capacity, self._state, fetch)
        else:
            fetch(begin, capacity)
        self.unreadable_bytes = self.size - begin
        if block is not None and self.is_full:
            self._accept(block)
        else:
            self._scan()

    def _accept(self, block: ScannedBlock) -> None:
        """Take over the bitmaps of all bytes."""
        self.ends, self.inside, self.commas = block.ends, block.inside, block.commas
        self._scanned, self._state = self.size, block.after

    def _scan(self) -> None:
        """Scan what is not scanned yet."""
        if not self._scanned and self._stretch_end(0) == self.size == self.capacity:
            self._accept(ScannedBlock.scan(self._data, 0, self.size, self._state))
            return
        if not len(self.ends):
            # Not before the bytes: they need the largest piece of free memory.
            self.ends = np.zeros(bitmaps.word_count(self.capacity), np.uint64)
        while self._scanned < self.size:
            start, stop = self._scanned, min(self._stretch_end(self._scanned), self.size)
            block = ScannedBlock.scan(self._data, start, stop, self._state)
            bitmaps.insert(self.ends, start, block.ends, stop - start)
            self.inside = self._inserted(self.inside, start, block.inside, stop - start)
            if block.commas is not None and (self.commas is not None or not start):
                self.commas = self._inserted(self.commas, start, block.commas, stop - start)
            else:
                self.commas = None
            self._scanned, self._state = stop, block.after

    def _stretch_end(self, at: int) -> int:
        """Return where the stretch ends that holds the byte ``at``; the last may be longer."""
        stop = (at // self.scan_bytes + 1) * self.scan_bytes
        return self.capacity if stop + self.scan_bytes // 2 > self.capacity else stop

    def _inserted(self, whole: Words | None, at: int, words: Words | None, size: int) -> Words | None:
        if words is None:
            return whole
        if whole is None:
            whole = np.zeros_like(self.ends)
        bitmaps.insert(whole, at, words, size)
        return whole
