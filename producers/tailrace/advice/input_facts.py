"""Facts of an input: its rows and bytes, counted or estimated from its beginning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tailrace_core.csv_text.framing import MAX_RECORD_BYTES, complete_records
from tailrace_core.csv_text.records import count_records, split_records
from tailrace_core.errors import RecordTooLargeError

if TYPE_CHECKING:
    from tailrace.sources.record_source import RecordSource

SAMPLE_BYTES = 8 * 1024 * 1024
"""Bytes after which the rest is estimated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFacts:
    """An input's size, decompressed and without headers."""

    rows: int
    size_bytes: int
    largest_record_bytes: int
    """Size of the largest of the records that were read."""
    exact: bool = True
    """False if rows and size are estimated from the beginning."""

    @property
    def row_bytes(self) -> int:
        """Bytes of a row on average, at least 1."""
        return max(1, round(self.size_bytes / max(1, self.rows)))


def measure(source: RecordSource, *, count: bool = False, sample_bytes: int = SAMPLE_BYTES) -> InputFacts:
    """Read an opened source, to its end with ``count``, and otherwise as much as an estimate needs.

    Raises:
        InputError: the input cannot be read.
    """
    rows = size = largest = 0
    read = _CountedBlocks(source)
    for data in _records(source, read):
        rows += count_records(data)
        size += len(data)
        largest = max(largest, *map(len, split_records(data)))
        hint = source.size_hint_bytes
        if not count and hint is not None and size >= sample_bytes and read.stored_bytes and source.bytes_read < hint:
            total = read.text_bytes * hint / read.stored_bytes
            estimated_rows = round(total * rows / size)
            return InputFacts(rows=estimated_rows, size_bytes=round(total), largest_record_bytes=largest, exact=False)
    return InputFacts(rows=rows, size_bytes=size, largest_record_bytes=largest)


def _records(source: RecordSource, blocks: Iterable[bytes]) -> Iterator[bytes]:
    try:
        yield from complete_records(blocks, allow_unclosed=True)
    except RecordTooLargeError as exc:
        place = source.describe_position(exc.offset or 0)
        raise RecordTooLargeError(
            f"{', '.join(source.names)}: the row {place} is longer than {MAX_RECORD_BYTES} bytes, and no way takes "
            "such a row: probably a quote in it is not closed; close it, or shorten the row",
            offset=exc.offset,
        ) from exc


class _CountedBlocks:
    """Passes blocks on and counts what they are made of.

    Much text may come from a piece of a compressed file: it is counted once the source has read the
    next one.
    """

    def __init__(self, source: RecordSource) -> None:
        self._source = source
        self.text_bytes = 0
        """Text that the ``stored_bytes`` have given."""
        self.stored_bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        passed = read = 0
        for block in self._source.blocks():
            if self._source.bytes_read != read:
                self.text_bytes, self.stored_bytes = passed, read
                read = self._source.bytes_read
            passed += len(block)
            yield block
