"""Counting of a stripe: how many records start in it, and what its neighbours have to know.

A stripe is counted without knowing those before it (`tailrace_core.records.counting`). Memory holds
a few blocks, whatever the object. Counting may stop between two blocks and go on later, in another
process; a compressed object is read again from its start then.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from tailrace_core.compression.decompression import decompress, is_compressed, peek
from tailrace_core.csv_text.framing import MAX_RECORD_BYTES
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.csv_text.heads import BOM, SNIFF_BYTES, FileHead, check_same_header
from tailrace_core.csv_text.json_heads import read_source_head
from tailrace_core.errors import InputError
from tailrace_core.records.counting import RecordCounter
from tailrace_core.submission.striping.counts import PieceCount, StripeCount
from tailrace_core.submission.striping.manifest import Piece, SourceObject, Stripe
from tailrace_core.submission.striping.reading import OpenRange, behind

MARGIN_BYTES = 64 * 1024
"""Bytes read with a piece behind its end: there its last record mostly ends."""


_SHOWN_BYTES = 4096
"""More than a message shows of a header."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A count that ran out of time; `StripeCounting.run` goes on from its checkpoint."""

    checkpoint: dict[str, Any]
    """A JSON object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeCounting:
    """Counts stripes of one input.

    ``header`` is the header record of the first object, None if the input has none, and ``columns``
    are the names in it. ``is_time_up`` is asked after each block; at least one block is counted.
    JSON Lines (``is_lines``) have a record on each line and no header, whatever the ``policy``.
    """

    policy: HeaderPolicy
    header: bytes | None
    columns: Sequence[str]
    open_range: OpenRange
    is_time_up: Callable[[], bool] = lambda: False
    is_lines: bool = False
    _compressed: dict[SourceObject, bool] = field(default_factory=dict, init=False)
    """Which objects are compressed, of those whose first bytes were read."""

    def run(self, stripe: Stripe, checkpoint: dict[str, Any] | None = None) -> StripeCount | Unfinished:
        """Count a stripe, from the checkpoint of a count that ran out of time if there is one.

        What is wrong with an object is part of its counts; the sum of all counts raises it.
        """
        done = [PieceCount.from_dict(each) for each in (checkpoint or {}).get("done", ())]
        progress = _Progress.from_dict(checkpoint["progress"]) if checkpoint else _Progress()
        for piece in stripe.pieces[len(done) :]:
            try:
                is_whole = self._count(piece, progress)
            except InputError as error:
                in_head = piece.start == 0 and progress.counter is None
                done.append(PieceCount(problem=error.message, in_head=in_head))
            else:
                if not is_whole:
                    return Unfinished({"done": [each.to_dict() for each in done], "progress": progress.to_dict()})
                done.append(progress.count())
            progress = _Progress()
        return StripeCount(stripe.number, tuple(done))

    def _count(self, piece: Piece, progress: _Progress) -> bool:
        """Count a piece; return False if time ran out, and ``progress`` says how far it came."""
        if piece.start and progress.counter is None and self._is_compressed(piece.source):
            return True
        read_from = 0 if progress.found.is_compressed else progress.read_from(piece)
        with closing(self._stored(piece, read_from)) as stored:
            if progress.counter is not None:
                blocks = self._resumed(piece, progress, stored)
            elif piece.start:
                blocks = _from_newline(piece, progress, stored, has_quotes=not self.is_lines)
            else:
                blocks = self._from_head(piece, progress, stored)
            return progress.counter is None or self._feed(piece, progress, progress.counter, blocks)

    def _feed(self, piece: Piece, progress: _Progress, counter: RecordCounter, blocks: Iterator[bytes]) -> bool:
        """Feed a piece to its counter, up to the end of its stretch; False if time ran out."""
        stop = None if piece.reaches_end or progress.found.is_compressed else piece.stop
        for block in blocks:
            if stop is not None and counter.offset + len(block) >= stop:
                end = block.find(b"\n", max(0, stop - 1 - counter.offset)) + 1
                if end:
                    counter.feed(block[:end])
                    return True
                if counter.offset > stop + MAX_RECORD_BYTES:
                    break  # The record is too long, which the sum sees by the length of the stretch.
            counter.feed(block)
            if self.is_time_up():
                return False
        return True

    def _from_head(self, piece: Piece, progress: _Progress, stored: Iterator[bytes]) -> Iterator[bytes]:
        """Begin with an object: check its head, and return its bytes behind the byte order mark."""
        name = piece.source.name
        first, stored = peek(stored, SNIFF_BYTES)
        head = read_source_head(*peek(decompress(stored, name), SNIFF_BYTES), name, is_lines=self.is_lines)
        self._compressed[piece.source] = is_compressed(first)
        start = len(BOM) * head.bom_dropped
        policy = HeaderPolicy.NONE if self.is_lines else self.policy
        progress.found = PieceCount(
            start=start,
            is_compressed=self._compressed[piece.source],
            data_start=head.data_offset(policy),
            line_end=head.line_end.decode(),
            other_header=self._other_header(head),
        )
        progress.counter = RecordCounter(start, at_start=True, has_quotes=not self.is_lines)
        return chain((head.data,), head.rest)

    def _other_header(self, head: FileHead) -> str | None:
        if self.header is None:
            return None
        try:
            check_same_header(head.first_record, head.name, header=self.header, columns=self.columns, first="")
        except InputError:
            return head.first_record[:_SHOWN_BYTES].decode(errors="replace")
        return None

    def _resumed(self, piece: Piece, progress: _Progress, stored: Iterator[bytes]) -> Iterator[bytes]:
        """Go on where the last count ended."""
        if not progress.found.is_compressed or progress.counter is None:
            return stored
        return behind(self._in_time(decompress(stored, piece.source.name), piece, progress), progress.counter.offset)

    def _in_time(self, blocks: Iterator[bytes], piece: Piece, progress: _Progress) -> Iterator[bytes]:
        """Refuse an object that cannot be read in time to where the last count ended."""
        at, until = 0, progress.counter.offset if progress.counter is not None else 0
        for block in blocks:
            at += len(block)
            if at < until and self.is_time_up():
                raise InputError(
                    f"{piece.source.name} is compressed, so it is read as one stream, and is too large for that: a "
                    f"function has read {until} bytes of it, decompressed, when its time is up; split it into smaller "
                    "files, or store it without compression"
                )
            yield block

    def _is_compressed(self, source: SourceObject) -> bool:
        if source not in self._compressed:
            with closing(self.open_range(source, 0, SNIFF_BYTES)) as blocks:
                self._compressed[source] = is_compressed(peek(blocks, SNIFF_BYTES)[0])
        return self._compressed[source]

    def _stored(self, piece: Piece, start: int) -> Generator[bytes]:
        """Read a piece from ``start`` on, and the rest of the object if it is asked for."""
        size = piece.source.size_bytes
        middle = max(start, min(piece.stop + MARGIN_BYTES, size))
        if start < middle:
            yield from self.open_range(piece.source, start, middle)
        if middle < size:
            yield from self.open_range(piece.source, middle, size)


@dataclass(slots=True)
class _Progress:
    """How far the count of a piece has come; without a counter, its stretch is empty so far."""

    found: PieceCount = field(default_factory=PieceCount)
    counter: RecordCounter | None = None

    def read_from(self, piece: Piece) -> int:
        """Return where a plain object is to be read from."""
        return max(0, piece.start - 1) if self.counter is None else self.counter.offset

    def count(self) -> PieceCount:
        """Return the counts of the whole piece."""
        if self.counter is None:
            return self.found
        return replace(self.found, stop=self.counter.offset, entries=self.counter.counts())

    def to_dict(self) -> dict[str, Any]:
        return {"found": self.found.to_dict(), "counter": self.counter and self.counter.to_dict()}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> _Progress:
        counter = stored["counter"]
        return cls(PieceCount.from_dict(stored["found"]), counter and RecordCounter.from_dict(counter))


def _from_newline(piece: Piece, progress: _Progress, stored: Iterator[bytes], *, has_quotes: bool) -> Iterator[bytes]:
    """Begin in an object: return its bytes behind the first newline in the piece, if there is one.

    ``stored`` begins a byte before the piece.
    """
    at = piece.start - 1
    for block in stored:
        end = block.find(b"\n") + 1
        start = at + (end or len(block))
        if start >= piece.stop:
            break
        if end:
            progress.found = PieceCount(start=start)
            progress.counter = RecordCounter(start, at_start=False, has_quotes=has_quotes)
            return chain((block[end:],), stored)
        at = start
    return iter(())
