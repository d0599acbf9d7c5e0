"""Reading of a stripe's records: the bytes from its first record to the end of its last one."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

from tailrace_core.compression.decompression import decompress
from tailrace_core.submission.striping.manifest import SourceObject, source_from_dict, source_to_dict

OpenRange = Callable[[SourceObject, int, int | None], Generator[bytes]]
"""Reads an object as stored from a byte up to another one, or to its end, in blocks.

It demands the object's version or ETag, and raises `InputError` with the object's name if that is
no longer there. Closing the generator ends the read. A range that is not empty is asked for.
"""


@dataclass(frozen=True, slots=True)
class DataRange:
    """The records from ``start`` to ``stop`` (None: the end) of an object, decompressed.

    ``line_end`` follows them: that which an object lacks that is not the last one of the input.
    """

    source: SourceObject
    start: int
    stop: int | None
    is_compressed: bool = False
    line_end: bytes = b""


@dataclass(frozen=True, slots=True)
class StripeStart:
    """A stripe that has rows, and where these are.

    ``first_row`` and ``rows`` count over the whole input. ``is_last`` is true for the stripe with
    the input's last row; ``of_several`` if the input has several objects.
    """

    number: int
    first_row: int
    rows: int
    ranges: tuple[DataRange, ...]
    of_several: bool = False
    is_last: bool = False

    @property
    def end(self) -> int:
        """Return the row behind the last one."""
        return self.first_row + self.rows

    def to_json(self) -> str:
        """Serialize it to one line."""
        return json.dumps(self.to_dict(), ensure_ascii=False, separators=(",", ":"))

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "stripe": self.number,
            "first_row": self.first_row,
            "rows": self.rows,
            "of_several": self.of_several,
            "is_last": self.is_last,
            "ranges": [_stored(each) for each in self.ranges],
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> StripeStart:
        """Read it from its JSON object."""
        return cls(
            stored["stripe"],
            stored["first_row"],
            stored["rows"],
            tuple(map(_range, stored["ranges"])),
            stored["of_several"],
            stored["is_last"],
        )


class StripeReader:
    """Reads the records of a stripe; the same bytes as a submit that reads all objects itself."""

    def __init__(self, start: StripeStart, open_range: OpenRange) -> None:
        self._start = start
        self._open = open_range
        self._begins = [0]
        """For each range so far, its offset in the stripe's data."""

    def blocks(self, skip_bytes: int = 0) -> Iterator[bytes]:
        """Yield the records in blocks that end anywhere, without the first ``skip_bytes``.

        Offsets of the stripe's data count from its first record in any case.

        Raises:
            InputError: an object has changed, is gone, or is damaged.
        """
        offset = 0
        self._begins = []
        for each in self._start.ranges:
            self._begins.append(offset)
            jumped = 0 if each.stop is None else min(max(0, skip_bytes - offset), each.stop - each.start)
            offset += jumped
            for block in self._from(each, jumped):
                wanted = block[max(0, skip_bytes - offset) :]
                offset += len(block)
                if wanted:
                    yield wanted

    def describe_position(self, offset: int) -> str:
        """Describe an offset of the data as a place in the objects, decompressed."""
        position = max(index for index, begin in enumerate(self._begins) if begin <= offset)
        each = self._start.ranges[position]
        of = f" of {each.source.name}" if self._start.of_several else ""
        return f"at byte {offset - self._begins[position] + each.start}{of}"

    def _from(self, each: DataRange, jumped: int) -> Iterator[bytes]:
        """Yield a range without its first ``jumped`` bytes, and the line end behind it."""
        if each.is_compressed:
            yield from behind(decompress(self._open(each.source, 0, None), each.source.name), each.start)
        elif each.stop is None or each.start + jumped < each.stop:
            yield from self._open(each.source, each.start + jumped, each.stop)
        if each.line_end:
            yield each.line_end


def behind(blocks: Iterator[bytes], offset: int) -> Iterator[bytes]:
    """Leave out the bytes before an offset."""
    left = offset
    for block in blocks:
        if left < len(block):
            yield block[left:]
        left = max(0, left - len(block))


def _stored(each: DataRange) -> dict[str, Any]:
    stored = {**source_to_dict(each.source), "start": each.start, "stop": each.stop}
    if each.is_compressed:
        stored["is_compressed"] = True
    if each.line_end:
        stored["line_end"] = each.line_end.decode()
    return stored


def _range(stored: dict[str, Any]) -> DataRange:
    return DataRange(
        source_from_dict(stored),
        stored["start"],
        stored["stop"],
        stored.get("is_compressed", False),
        stored.get("line_end", "").encode(),
    )
