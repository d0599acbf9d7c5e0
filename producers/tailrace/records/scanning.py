"""Scanning of blocks in two threads, one of which also reads them.

NumPy releases the interpreter lock while it marks a block, and so does reading: with two cores
both threads run at the same time. Marking a block takes nearly all the time and needs no other
block; the quote state is carried over afterwards, in order. A thread beside the caller's marks the
blocks that were read; the caller's thread does so, too, when it would have to wait. The other
thread does not read, so it always ends; reading from a pipe may not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Self

from tailrace.records.structure import BlockMarks, ScannedBlock
from tailrace_core.csv_text.records import START

_AHEAD = 2


def scan_blocks(blocks: Iterable[bytes], size_bytes: int) -> Generator[ScannedBlock, None, None]:
    """Yield the scanned bytes in blocks of ``size_bytes`` or less.

    A smaller block is all that its source had at the moment. It is passed on before the next one is
    read, which may take long to come.
    """
    state = START
    with _Marker() as marker:
        for block in blocks:
            goes_on = len(block) >= size_bytes
            for start in range(0, len(block), size_bytes):
                piece = block if len(block) <= size_bytes else block[start : start + size_bytes]
                marker.put(piece, alone=not goes_on)
            while marker.pending > (_AHEAD if goes_on else 0):
                scanned = ScannedBlock.resolve(marker.get(), state)
                state = scanned.after
                yield scanned
        while marker.pending:
            scanned = ScannedBlock.resolve(marker.get(), state)
            state = scanned.after
            yield scanned


class _Task:
    """A block to be marked, and its marks or the error once that is done."""

    def __init__(self, block: bytes, *, alone: bool) -> None:
        self.block = block
        self.alone = alone
        self.marks: BlockMarks | BaseException | None = None


class _Marker:
    """Marks blocks in a thread of its own and in the one that waits for them.

    Handing a block over to a pool of `concurrent.futures` takes as long as several passes over it.
    """

    def __init__(self) -> None:
        self._tasks: deque[_Task] = deque()
        self._unstarted: deque[_Task] = deque()
        self._wake: SimpleQueue[None] = SimpleQueue()
        """Wakes the thread."""
        self._done: SimpleQueue[None] = SimpleQueue()
        """Wakes the caller's thread; holds no task, because most are never waited for."""
        self._thread: Thread | None = None
        self._closed = False

    @property
    def pending(self) -> int:
        """Number of blocks that were put and not yet got."""
        return len(self._tasks)

    def put(self, block: bytes, *, alone: bool) -> None:
        """Have a block marked; not by the thread if the block is ``alone``, and got at once."""
        task = _Task(block, alone=alone)
        self._tasks.append(task)
        if alone:
            return
        self._unstarted.append(task)
        if self._thread is None:
            # A daemon: at the interpreter's exit, a generator that nobody closed must not keep it.
            self._thread = Thread(target=self._run, name="tailrace-scan", daemon=True)
            self._thread.start()
        self._wake.put(None)

    def get(self) -> BlockMarks:
        """Return the marks of the next block, in the order in which they were put."""
        task = self._tasks.popleft()
        if task.alone:
            return BlockMarks.of(task.block)
        while task.marks is None:
            # The thread takes the oldest block. This one takes the newest, which is still in the
            # cache, and leaves the thread another.
            newest = self._take(self._unstarted.pop) if len(self._unstarted) > 1 else None
            if newest is None:
                self._done.get()
            else:
                newest.marks = BlockMarks.of(newest.block)
        if isinstance(task.marks, BaseException):
            raise task.marks
        return task.marks

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closed = True
        self._unstarted.clear()
        if self._thread is not None:
            self._wake.put(None)
            self._thread.join()

    def _run(self) -> None:
        while not self._closed:
            self._wake.get()
            oldest = self._take(self._unstarted.popleft)
            if oldest is not None:
                try:
                    oldest.marks = BlockMarks.of(oldest.block)
                except BaseException as error:  # noqa: BLE001 - raised where the marks are got
                    oldest.marks = error
                del oldest
                self._done.put(None)

    @staticmethod
    def _take(pop: Callable[[], _Task]) -> _Task | None:
        """Take a task on; None when all are started. Both threads may do so at the same time."""
        try:
            return pop()
        except IndexError:
            return None
