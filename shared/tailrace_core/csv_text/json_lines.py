"""JSON Lines as a stream of CSV: a row a line, also for a line that is none.

`tailrace_core.csv_text.json_rows` has the rules of a row. A line that is no row becomes a record of
one field, the line itself, with a reason in `JsonLines.known_rejects`: rows keep their numbers, and
the line is found again as the record of the reject. A blank line is nothing: it has no record and
no number, as for other readers of JSON Lines. Every record ends with a newline. The same bytes give
the same records, wherever the input is read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from tailrace_core.csv_text.framing import MAX_RECORD_BYTES
from tailrace_core.csv_text.json_rows import JsonRows, NoRowError, is_blank, no_row, row_items
from tailrace_core.csv_text.records import first_not_utf8
from tailrace_core.errors import RecordTooLargeError

_PLACES = 1024
_PLACE_BYTES = 64 * 1024
"""Places are remembered at such distances, so many of them: more than a planner reads ahead."""


class JsonLines:
    """Reads lines to records of ``columns``; to be used once.

    Rows count from ``first_row``. ``boundaries`` are offsets in the lines, ascending, which the
    caller may add to before it yields the bytes there; the reader's own ``boundaries`` are those of
    the records that start at or behind them.
    """

    def __init__(self, columns: Sequence[str], *, first_row: int = 0, boundaries: Sequence[int] = ()) -> None:
        self.boundaries: list[int] = []
        self._rows = JsonRows(columns)
        self._width = len(columns)
        self._row = first_row
        self._given = boundaries
        self._passed = 0
        self._read = self._written = 0
        """Bytes of lines that were turned into records, and of these records."""
        self._places: deque[tuple[int, int]] = deque(maxlen=_PLACES)
        self._rejected: dict[int, str] = {}

    def blocks(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the records of lines that come in blocks which end anywhere.

        Memory holds a block and an unfinished line.

        Raises:
            RecordTooLargeError: a line has more than 16 MiB.
        """
        carry: list[bytes] = []
        carried = 0
        for block in lines:
            end = block.rfind(b"\n") + 1
            if not end:
                carry.append(block)
                carried += len(block)
                self._check_length(carried)
                continue
            self._check_length(carried + block.find(b"\n") + 1)
            yield from self._stretches(b"".join((*carry, block[:end])))
            carry = [block[end:]] if end < len(block) else []
            carried = len(block) - end
        if carry:
            yield from self._stretches(b"".join(carry))

    def known_rejects(self, first_row: int, rows: int) -> dict[int, str]:
        """Return why lines are no rows, by row, and forget it."""
        if not self._rejected:
            return {}
        stop = first_row + rows
        # Rows come in order, and so do their reasons.
        found = [row for row in self._rejected if first_row <= row < stop]
        return {row: self._rejected.pop(row) for row in found}

    def place(self, offset: int) -> int:
        """Return where in the lines a stretch begins that holds the record at ``offset``."""
        return next((read for written, read in reversed(self._places) if written <= offset), 0)

    def _stretches(self, data: bytes) -> Iterator[bytes]:
        """Yield the records of whole lines; a stretch ends before a line that begins a stripe."""
        at = 0
        while at < len(data):
            begin = self._read
            while self._passed < len(self._given) and self._given[self._passed] <= begin:
                self._passed += 1
                if not self.boundaries or self.boundaries[-1] < self._written:
                    self.boundaries.append(self._written)
            stop = len(data)
            if self._passed < len(self._given) and self._given[self._passed] < begin + len(data) - at:
                # The first line that starts there or behind it.
                stop = data.find(b"\n", at + self._given[self._passed] - begin - 1) + 1 or len(data)
            yield self._records(data[at:stop])
            at = stop

    def _records(self, data: bytes) -> bytes:
        lines = data.split(b"\n")
        if not lines[-1]:
            lines.pop()
        if first_not_utf8(data) is None:
            records = self._checked(lines)
        else:
            lines = [line for line in lines if not is_blank(line)]
            records = [self._one(line, row) for row, line in enumerate(lines, start=self._row)]
        self._row += len(records)
        records.append(b"")
        written = b"\n".join(records)
        if not self._places or self._written - self._places[-1][0] >= _PLACE_BYTES:
            self._places.append((self._written, self._read))
        self._read += len(data)
        self._written += len(written)
        return written

    def _checked(self, lines: list[bytes]) -> list[bytes]:
        """Return the records of lines that are UTF-8."""
        record = self._rows.record
        found: list[bytes] = []
        for line in lines:
            try:
                found.append(record(line))
            except NoRowError as error:
                if not is_blank(line):
                    found.append(self._reject(line, self._row + len(found), error))
        return found

    def _one(self, line: bytes, row: int) -> bytes:
        try:
            if first_not_utf8(line) is not None:
                row_items(line)  # gives the reason
            return self._rows.record(line)
        except NoRowError as error:
            return self._reject(line, row, error)

    def _reject(self, line: bytes, row: int, error: NoRowError) -> bytes:
        self._rejected[row] = str(error)
        return no_row(line.removesuffix(b"\r"), self._width)

    def _check_length(self, size_bytes: int) -> None:
        if size_bytes > MAX_RECORD_BYTES:
            raise RecordTooLargeError(
                f"a line has more than {MAX_RECORD_BYTES} bytes (row {self._row} or behind it): JSON Lines has a row "
                "a line, and no row may be longer",
                row=self._row,
                limit_bytes=MAX_RECORD_BYTES,
            )
