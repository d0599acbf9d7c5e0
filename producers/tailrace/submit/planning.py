"""The plan of a submit, as values: what each chunk consists of, computed lazily and without any effect.

It follows from the bytes of the input and the rules alone. That is what the sync client, the async client and the dry
run share, and what lets a submit that was interrupted go on: planning the same input again gives the same chunks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from tailrace.options import OnBadRow, SubmitOptions
from tailrace.records.columns import ColumnPlan
from tailrace.records.cutting import Cut, DescribePosition, Limits, byte_position, cut
from tailrace.records.preflight import Preflight
from tailrace_core.csv_text.records import split_fields, split_records
from tailrace_core.csv_text.rejects import Reject
from tailrace_core.errors import RecordError, RecordTooLargeError, UnclosedQuoteError
from tailrace_core.jobs.model import JobSettings
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.objects.checksums import checksum

_CHUNK_OVERHEAD_BYTES = 16 * 1024
"""What a chunk in flight takes beside its rows; matters when chunks are tiny."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkPlan:
    """One chunk. ``input`` is what the model gets, without the rejected rows; empty when no row can be sent."""

    range: RowRange
    source_checksum: str
    """Of the rows as read, for proving later that the input is the same."""
    source_bytes: int
    input: tuple[bytes, ...]
    input_checksum: str
    kept: tuple[bytes, ...] = ()
    """The kept columns of all rows, one record a row, LF ends; empty when nothing is kept."""
    rejected: tuple[Reject, ...] = ()
    """The rows that are not sent, in order."""

    @property
    def rows_sent(self) -> int:
        """Rows that the model is to answer for."""
        return self.range.rows - len(self.rejected)

    @property
    def held_bytes(self) -> int:
        """About how much memory the chunk holds until it is sent."""
        rejected = sum(len(each.record) for each in self.rejected)
        copies = max(self.source_bytes, sum(map(len, self.input))) + sum(map(len, self.kept)) + rejected
        return copies + _CHUNK_OVERHEAD_BYTES

    def uploaded(self) -> ChunkPlan:
        """The plan without what is not needed once it is in the bucket."""
        return replace(self, input=(), kept=()) if self.rows_sent else self


@dataclass(frozen=True, slots=True)
class Seal:
    """The end of the plan: how many rows there are."""

    rows_total: int


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans chunks from the data records of an input."""

    columns: ColumnPlan
    settings: JobSettings
    preflight: Preflight
    on_bad_row: OnBadRow = OnBadRow.REJECT

    def check_limits(self) -> None:
        """Refuse chunk limits that cannot hold the repeated header and a record.

        Raises:
            InputError: they cannot.
        """
        if self._max_bytes < 1:
            raise RecordTooLargeError(
                f"chunk_bytes is {self.settings.chunk_bytes}, and the header that goes with each chunk takes "
                f"{len(self._header)}: allow larger chunks",
                row=0,
                limit_bytes=self.settings.chunk_bytes,
            )

    def plan(self, blocks: Iterable[bytes], describe: DescribePosition = byte_position) -> Iterator[ChunkPlan | Seal]:
        """The chunks in order, then the seal; ``describe`` says in messages where an offset is.

        Raises:
            RecordError: a first record that no chunk can hold, or one that is over the limit for records; a quote that
                is not closed and swallows lines; with ``OnBadRow.STOP``, the first bad row.
        """
        rows_total = offset = 0
        # A last line that does not close its quote is a bad row like others: the pre-flight check names it.
        limits = Limits(rows=self.settings.chunk_rows, size_bytes=self._max_bytes, allow_large=True)
        for each in cut(blocks, limits, describe):
            _refuse_swallowed_lines(each, offset, describe)
            rows_total += each.rows
            offset += each.size
            yield self._chunk(each)
        yield Seal(rows_total)

    @property
    def _header(self) -> bytes:
        header = self.settings.header_record
        return b"" if header is None else header.encode() + b"\n"

    @property
    def _max_bytes(self) -> int:
        return self.settings.chunk_bytes - len(self._header)

    def _chunk(self, each: Cut) -> ChunkPlan:
        if each.size > self._max_bytes:
            reason = f"record of {each.size} bytes is over the chunk limit of {self._max_bytes}"
            reasons = {each.first_row: reason}
        else:
            reasons = {bad.row: bad.reason for bad in self.preflight.check(each)}
        sent, kept, rejected = self._parts(each, reasons)
        if rejected and self.on_bad_row is OnBadRow.STOP:
            first = rejected[0]
            raise RecordError(
                f"row {first.row} cannot be scored: {first.reason} (rows count from 0, the header not included); mend "
                "it, or have such rows rejected with --on-bad-row reject",
                row=first.row,
                reason=first.reason,
            )
        if sent and self._header:
            sent = (self._header, *sent)
        source_checksum = checksum(each.data)
        untouched = len(sent) == 1 and sent[0] is each.data
        return ChunkPlan(
            range=RowRange(each.first_row, each.rows),
            source_checksum=source_checksum,
            source_bytes=each.size,
            input=sent,
            input_checksum=source_checksum if untouched else checksum(*sent),
            kept=kept,
            rejected=rejected,
        )

    def _parts(
        self, each: Cut, reasons: dict[int, str]
    ) -> tuple[tuple[bytes, ...], tuple[bytes, ...], tuple[Reject, ...]]:
        rows = range(each.first_row, each.first_row + each.rows)
        records = split_records(each.data) if reasons else []
        good = each
        if reasons:
            good = Cut.of(b"".join(record for row, record in zip(rows, records, strict=True) if row not in reasons))
        selected = self.columns.select(good if self.columns.is_identity else _ended(good))
        if self._may_be_unsendable(selected.sent) and (unsendable := self._unsendable(selected.sent, rows, reasons)):
            return self._parts(each, dict(sorted({**reasons, **unsendable}.items())))
        if not reasons:
            return selected.sent, selected.kept, ()
        rejected = tuple(Reject(row, reason, _body(records[row - each.first_row])) for row, reason in reasons.items())
        if not self.columns.kept:
            return selected.sent, (), rejected
        kept_good = iter(split_records(b"".join(selected.kept)))
        kept = b"".join(
            self._kept_of(record) if row in reasons else next(kept_good)
            for row, record in zip(rows, records, strict=True)
        )
        return selected.sent, (kept,), rejected

    def _may_be_unsendable(self, sent: tuple[bytes, ...]) -> bool:
        """Whether what is sound in the input may not be once other columns are taken away.

        Alone, a field may be a blank line; at the front, the beginning of a comment. Beside others it stays as it was.
        """
        return not self.columns.is_identity and (len(self.columns.sent) == 1 or any(b"#" in piece for piece in sent))

    def _unsendable(self, sent: tuple[bytes, ...], rows: range, reasons: dict[int, str]) -> dict[int, str]:
        """The rows that are not; those that have ``reasons`` have not been sent."""
        rows_sent = [row for row in rows if row not in reasons]
        found = Preflight(len(self.columns.sent)).check(Cut.of(b"".join(sent)))
        return {rows_sent[bad.row]: f"of the sent columns: {bad.reason}" for bad in found}

    def _kept_of(self, record: bytes) -> bytes:
        """The kept columns of a rejected row; empty fields where the record does not say for certain what they are."""
        body = _body(record)
        fields = split_fields(body)
        certain = len(fields) == len(self.columns.columns) and body.count(b'"') % 2 == 0
        return b",".join(_clean(fields[index]) if certain else b"" for index in self.columns.kept) + b"\n"


def _refuse_swallowed_lines(each: Cut, offset: int, describe: DescribePosition) -> None:
    """Only the last record of an input can lack a closing quote; then it is all that follows, perhaps most of it."""
    if each.windows[-1].structure.unclosed:
        record = split_records(each.data)[-1]
        if b"\n" in _body(record):
            row, at = each.first_row + each.rows - 1, offset + each.size - len(record)
            raise UnclosedQuoteError(
                f"row {row} ({describe(at)}) opens a quote that nothing closes before the input ends; "
                "close it, or double it if it is meant as a character",
                row=row,
                offset=at,
            )


def _body(record: bytes) -> bytes:
    return record.removesuffix(b"\n").removesuffix(b"\r")


def _ended(each: Cut) -> Cut:
    """The cut with a line end after the last record: one whose sent column is empty is else no record."""
    return each if not each.data or each.data.endswith(b"\n") else Cut.of(each.data + b"\n", each.first_row)


def _clean(field: bytes) -> bytes:
    try:
        field.decode()
    except UnicodeDecodeError:
        return b""
    return b"" if b"\0" in field else field


def planner_for(
    columns: tuple[str, ...], header: bytes | None, options: SubmitOptions, *, endpoint_name: str
) -> Planner:
    """The planner of an input with these columns and this header record (None when it has none).

    Raises:
        InputError: the options do not fit the input.
    """
    plan = options.column_plan(columns)
    settings = options.settings(plan, header=header, endpoint_name=endpoint_name)
    planner = Planner(plan, settings, Preflight(len(columns), header), options.on_bad_row)
    planner.check_limits()
    return planner
