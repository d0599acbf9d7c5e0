"""The plan of a submit, as values: the contents of each chunk, computed lazily and without effects.

The plan follows from the bytes of the input and the rules alone. The sync client, the async client
and the dry run share it. An interrupted submit continues by planning the same input again, which
gives the same chunks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tailrace_core.csv_text.framing import DescribePosition, byte_position
from tailrace_core.csv_text.rejects import KnownRejects, Reject, nothing_known
from tailrace_core.engines import Engine, limits_of
from tailrace_core.errors import RecordError, RecordTooLargeError
from tailrace_core.jobs.model import JobSettings
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.jobs.settings import RequestFormat, SourceFormat
from tailrace_core.ledger.items import check_settings
from tailrace_core.objects.checksums import checksum
from tailrace_core.positions.canary_draws import MOST_LINES_OF_A_ROW, rows_that_leave_room
from tailrace_core.records import plain_text
from tailrace_core.records.columns import ColumnPlan
from tailrace_core.submission.options import AUTO, OnBadRow, SubmitOptions

if TYPE_CHECKING:
    from tailrace_core.records.cutting import Boundaries, Content, Cut, Limits
    from tailrace_core.records.screening import ScreenedCut, Screener

_CHUNK_OVERHEAD_BYTES = 16 * 1024
"""Memory of a chunk in flight beside its rows; matters when chunks are tiny."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkPlan:
    """One chunk.

    ``input`` is sent to the model, without the rejected rows; empty when no row can be sent.
    """

    range: RowRange
    source_checksum: str
    """Checksum of the rows as read; proves later that the input is the same."""
    source_bytes: int
    input: tuple[Content, ...]
    input_checksum: str
    kept: tuple[bytes, ...] = ()
    """The kept columns of all rows, one record a row, LF ends; empty when nothing is kept."""
    rejected: tuple[Reject, ...] = ()
    """The rows that are not sent, in order."""
    ends_cut: bool = True
    """False before further chunks of the same cut, whose rows grew too large as requests in JSON: a
    plan that begins behind this one has other chunks."""

    @property
    def rows_sent(self) -> int:
        """How many rows the model has to answer."""
        return self.range.rows - len(self.rejected)

    @property
    def held_bytes(self) -> int:
        """About how much memory the chunk holds until it is sent."""
        rejected = sum(len(each.record) for each in self.rejected)
        copies = max(self.source_bytes, sum(map(len, self.input))) + sum(map(len, self.kept)) + rejected
        return copies + _CHUNK_OVERHEAD_BYTES

    def uploaded(self) -> ChunkPlan:
        """Return the plan without the bytes that are not needed once they are in the bucket."""
        return replace(self, input=(), kept=()) if self.rows_sent else self


@dataclass(frozen=True, slots=True)
class Seal:
    """The end of the plan, with the number of rows in the input."""

    rows_total: int


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans chunks from the data records of an input."""

    columns: ColumnPlan
    settings: JobSettings
    header: bytes | None = None
    """The header record without its line end, which no row may repeat; None if no row can."""
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

    def plan(
        self,
        blocks: Iterable[bytes],
        describe: DescribePosition = byte_position,
        known_rejects: KnownRejects = nothing_known,
        *,
        first_row: int = 0,
        boundaries: Boundaries = (),
        is_small: bool = False,
    ) -> Iterator[ChunkPlan | Seal]:
        """Yield the chunks in order, then the seal.

        ``describe`` says in messages where an offset is; ``known_rejects`` which rows were rejected
        while they were read. Rows count from ``first_row``, and the seal counts the rows up to the
        last one planned. No chunk crosses one of the ``boundaries``, the offsets at which stripes
        begin. With ``is_small`` the input is first tried without NumPy.

        Raises:
            RecordError: a record is over the limit for records; a quote is not closed and swallows
                lines; with ``OnBadRow.STOP``, the first bad row.
        """
        if is_small and self._sends_as_is:
            text, blocks = plain_text.read_small(blocks, min(plain_text.MAX_BYTES, _most_bytes(self.settings)))
            rows = None if text is None or boundaries else self._plain_rows(text)
            if text is not None and rows is not None:
                known = known_rejects(first_row, rows)
                if not known:
                    yield self._chunk(RowRange(first_row, rows), text, (text,))
                    yield Seal(first_row + rows)
                    return
                known_rejects = _once_more(known)
            del text
        rows_total = first_row
        sends_csv = self.settings.request is RequestFormat.CSV
        screener = self._screener(describe, known_rejects)
        cuts = planned_cuts(blocks, self.settings, describe, first_row=first_row, boundaries=boundaries)
        for each in cuts:
            rows_total += each.rows
            # No name holds what was screened: its bytes are freed as soon as the chunk is uploaded.
            if sends_csv:
                yield self._screened(each, screener.screen(each))
            else:
                yield from self._framed(each, screener.screen(each))
        yield Seal(rows_total)

    @property
    def _header(self) -> bytes:
        return self.settings.header_line

    @property
    def _max_bytes(self) -> int:
        return _max_bytes(self.settings)

    @property
    def _sends_as_is(self) -> bool:
        """True if rows are sent as they are, whatever they hold."""
        settings = self.settings
        return self.columns.is_identity and settings.request is RequestFormat.CSV and not settings.na_tokens

    def _plain_rows(self, text: bytes) -> int | None:
        """Return how many rows a text has that makes one chunk, if it is proved plain."""
        rows = plain_text.plain_rows(text, len(self.settings.source_columns), self.header)
        return rows if rows is not None and rows <= _most_rows(self.settings) else None

    def _screener(self, describe: DescribePosition, known_rejects: KnownRejects) -> Screener:
        from tailrace_core.records.preflight import Preflight  # noqa: PLC0415 - it needs NumPy
        from tailrace_core.records.screening import Screener  # noqa: PLC0415 - as above

        return Screener(
            self.columns,
            Preflight(len(self.settings.source_columns), self.header),
            self._max_bytes,
            self.settings.na_tokens,
            describe,
            known_rejects,
            self.settings.request is RequestFormat.CSV,
        )

    def _framed(self, cut: Cut, screened: ScreenedCut) -> Iterator[ChunkPlan]:
        from tailrace_core.objects.request_frames import frame_of  # noqa: PLC0415 - most jobs send CSV
        from tailrace_core.submission.framing import framed_chunks  # noqa: PLC0415 - as above

        most, alone = _most_bytes(self.settings), self._max_bytes
        for each in framed_chunks(cut, screened, frame_of(self.settings), most_bytes=most, most_bytes_alone=alone):
            self._check(each.rejected)
            yield ChunkPlan(
                range=each.range,
                source_checksum=checksum(each.source),
                source_bytes=len(each.source),
                input=(each.input,) if each.input else (),
                input_checksum=checksum(each.input),
                kept=each.kept,
                rejected=each.rejected,
                ends_cut=each.range.end == cut.first_row + cut.rows,
            )

    def _check(self, rejected: Sequence[Reject]) -> None:
        if rejected and self.on_bad_row is OnBadRow.STOP:
            first = rejected[0]
            raise RecordError(
                f"row {first.row} cannot be scored: {first.reason} (rows count from 0, the header not included); fix "
                "it, or have such rows rejected with --on-bad-row reject",
                row=first.row,
                reason=first.reason,
            )

    def _screened(self, cut: Cut, screened: ScreenedCut) -> ChunkPlan:
        self._check(screened.rejected)
        rows = RowRange(cut.first_row, cut.rows)
        # What is not changed is the source itself.
        is_source = self.columns.is_identity and not screened.rejected
        source = screened.sent[0] if is_source else cut.content
        return self._chunk(rows, source, screened.sent, screened.kept, screened.rejected)

    def _chunk(
        self,
        rows: RowRange,
        source: Content,
        sent: tuple[Content, ...],
        kept: tuple[bytes, ...] = (),
        rejected: tuple[Reject, ...] = (),
    ) -> ChunkPlan:
        if sent and self._header:
            sent = (self._header, *sent)
        source_checksum = checksum(source)
        is_untouched = len(sent) == 1 and sent[0] is source
        return ChunkPlan(
            range=rows,
            source_checksum=source_checksum,
            source_bytes=len(source),
            input=sent,
            input_checksum=source_checksum if is_untouched else checksum(*sent),
            kept=kept,
            rejected=rejected,
        )


def planned_cuts(
    blocks: Iterable[bytes],
    settings: JobSettings,
    describe: DescribePosition = byte_position,
    *,
    first_row: int = 0,
    boundaries: Boundaries = (),
) -> Iterator[Cut]:
    """Cut an input as a job with these settings does; the same bytes give the same cuts.

    Raises:
        RecordError: see `Planner.plan`.
    """
    from tailrace_core.records.cutting import cut  # noqa: PLC0415 - it needs NumPy
    from tailrace_core.records.screening import refuse_swallowed_lines  # noqa: PLC0415 - as above

    cuts = cut(blocks, _limits(settings), describe, first_row=first_row, boundaries=boundaries)
    return refuse_swallowed_lines(cuts, describe)


def _limits(settings: JobSettings) -> Limits:
    """Return the limits of a chunk, so that its copies for canaries fit as well.

    The copies of half the bytes take no more than the other half, except in chunks of two or three
    rows: those stay within the most that the engine takes. A larger row is a chunk of its own, and
    is sent once.
    """
    from tailrace_core.records.cutting import Limits  # noqa: PLC0415 - as above

    rows = _most_rows(settings)
    size = _most_bytes(settings)
    if settings.request is not RequestFormat.CSV:
        from tailrace_core.objects.request_frames import frame_of  # noqa: PLC0415 - as above

        # Rows of nothing but the names of their columns fill a request.
        rows = min(rows, max(1, size // frame_of(settings).least_row_bytes))
    return Limits(rows=rows, size_bytes=max(1, size), allow_large=True)


def _once_more(known: dict[int, str]) -> KnownRejects:
    """Return what is known of all rows, which are one cut, and have been asked for already."""
    return lambda first_row, rows: known  # noqa: ARG005 - see `KnownRejects`


def _most_rows(settings: JobSettings) -> int:
    """Return how many rows a chunk may have, so that their copies fit too."""
    return rows_that_leave_room(settings.chunk_rows, settings.canaries, guarded=settings.guarded_canaries)


def _most_bytes(settings: JobSettings) -> int:
    """Return how many bytes of rows a chunk of several may have, so that their copies fit too."""
    size = _max_bytes(settings)
    if not settings.canaries:
        return size
    if not settings.guarded_canaries:
        return size // 2
    return min(size // 2, (limits_of(settings.engine).max_bytes - len(settings.header_line)) // MOST_LINES_OF_A_ROW)


def _max_bytes(settings: JobSettings) -> int:
    return settings.chunk_bytes - len(settings.header_line)


def planner_of(settings: JobSettings, header: bytes | None, on_bad_row: OnBadRow) -> Planner:
    """Return the planner of a job whose settings are stored; ``header`` as in `planner_for`."""
    columns = ColumnPlan(settings.source_columns, settings.sent_columns, settings.kept_columns)
    if settings.source_format is not SourceFormat.CSV:
        header = None  # Names come from keys: no row repeats them.
    return Planner(columns, settings, header, on_bad_row)


def planner_for(
    columns: tuple[str, ...],
    header: bytes | None,
    options: SubmitOptions,
    *,
    endpoint_name: str,
    engine: Engine | None = None,
    by_stripes: bool = False,
    source_format: SourceFormat = SourceFormat.CSV,
) -> Planner:
    """Return the planner of an input with these columns and this header record.

    The header is None when the input has none. ``engine`` is the job's; None stands for the
    options' own, or the default. ``by_stripes`` is true for an input of nothing but objects of S3,
    which is cut by stripes (`tailrace_core.submission.striping`). ``source_format`` is that which
    the input was found to have. All that is checked before the first row is checked here, for a
    submit as for its dry run.

    Raises:
        InputError: the options do not fit the input.
    """
    plan = options.column_plan(columns)
    engine = engine or (Engine.ASYNC if options.via in {None, AUTO} else Engine(options.via or ""))
    settings = options.settings(
        plan,
        header=header,
        endpoint_name=endpoint_name,
        engine=engine,
        by_stripes=by_stripes,
        source_format=source_format,
    )
    check_settings(settings)
    planner = planner_of(settings, header, options.on_bad_row)
    planner.check_limits()
    return planner
