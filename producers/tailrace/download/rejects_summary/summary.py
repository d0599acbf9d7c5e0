"""The summary of a job's rejected rows, as steps with a bounded number of calls.

Reasons come from the manifest, or from the ledger while the job runs, and from some rejects
objects. Values of rejected rows come from the rejects objects of rows that were rejected alone;
values of scored rows from the input objects of their neighbours, if they may be read.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass

from tailrace.download.parts import object_call
from tailrace.download.rejects_summary.missing_values import MissingValues, find_missing_values
from tailrace.download.rejects_summary.reasons import ReasonCounter, ReasonGroup
from tailrace_core.aws.calls import Steps
from tailrace_core.csv_text.rejects import Reject, read_rejects
from tailrace_core.errors import TailraceError
from tailrace_core.jobs.limits import is_no_row_sent
from tailrace_core.jobs.model import Chunk, ChunkState, Job, JobSettings
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.messages.manifest import Manifest
from tailrace_core.objects import keys
from tailrace_core.objects.request_frames import frame_of

MAX_OBJECTS = 16
"""Rejects objects read for reasons, and again for values."""

MAX_INPUTS = 8
"""Input objects of scored chunks read for values."""

MAX_ROWS_READ = 5_000
"""Rows of an object that is read; larger objects are left alone."""

MOST_FREQUENT = 3


@dataclass(frozen=True, slots=True)
class SettledRows:
    """A settled range, from the manifest or the ledger."""

    range: RowRange
    scored: bool
    """True if at least one row has a prediction."""
    rejected: int
    not_isolated: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class RejectsSummary:
    """The most frequent reasons of a job's rejected rows, and values that explain them."""

    reasons: tuple[ReasonGroup, ...]
    """The largest groups, largest first."""
    rows_examined: int
    """Rejected rows whose reason was looked at."""
    rows_rejected: int
    missing_values: MissingValues | None = None

    @property
    def sampled(self) -> bool:
        """True if only some of the rejected rows were looked at."""
        return self.rows_examined < self.rows_rejected


def settled_in(manifest: Manifest) -> list[SettledRows]:
    """Return the ranges of a finished job, in order."""
    return [
        SettledRows(
            RowRange(part.first_row, part.rows),
            part.state is ChunkState.SCORED,
            part.rejected,
            part.not_isolated,
            part.reason,
        )
        for part in manifest.parts
        if part.state in {ChunkState.SCORED, ChunkState.REJECTED}
    ]


def settled_chunks(chunks: Sequence[Chunk]) -> list[SettledRows]:
    """Return the settled ranges among a running job's chunks, in their order."""
    return [
        SettledRows(chunk.range, chunk.state is ChunkState.SCORED, chunk.rejected, chunk.not_isolated, chunk.reason)
        for chunk in chunks
        if chunk.state in {ChunkState.SCORED, ChunkState.REJECTED}
    ]


def summarize_rejects(
    job: Job, settings: JobSettings, settled: Sequence[SettledRows], bucket: str
) -> Steps[RejectsSummary]:
    """Summarize the rejected rows among the settled ranges, given in order of rows."""
    objects = _Objects(job.job_id, bucket)
    counter = ReasonCounter()
    unread: list[SettledRows] = []
    for each in settled:
        known = _rows_of_its_reason(each)
        if known:
            counter.add(each.reason or "", known)
        if known < each.rejected:
            unread.append(each)
    readable = sorted((each for each in unread if each.range.rows <= MAX_ROWS_READ), key=lambda each: -each.rejected)
    for each in readable[:MAX_OBJECTS]:
        for reject in (yield from objects.rejects(each.range)):
            # Those that were not isolated are counted already.
            if reject.isolated:
                counter.add(reject.reason)
    found = yield from _missing_values(settings, settled, objects) if job.splits_spent else _none()
    return RejectsSummary(counter.most_frequent(MOST_FREQUENT), counter.rows, job.rows_rejected, found)


def _none() -> Steps[None]:
    yield from ()


def _rows_of_its_reason(each: SettledRows) -> int:
    """Return how many rejected rows certainly have the range's own reason."""
    if each.not_isolated:
        return each.not_isolated
    return 1 if _alone(each) else 0


def _alone(each: SettledRows) -> bool:
    single = not each.scored and each.rejected == each.range.rows == 1
    return single and each.reason is not None and not is_no_row_sent(each.reason)


def _missing_values(
    settings: JobSettings, settled: Sequence[SettledRows], objects: _Objects
) -> Steps[MissingValues | None]:
    alone = [number for number, each in enumerate(settled) if _alone(each) and not each.not_isolated]
    chosen = alone[:: max(1, len(alone) // MAX_OBJECTS)][:MAX_OBJECTS]
    rejected: list[set[str]] = []
    for number in chosen:
        for reject in (yield from objects.rejects(settled[number].range)):
            values = _values(reject.record)
            if values is not None and len(values) == len(settings.source_columns):
                rejected.append({values[column] for column in settings.sent_columns})
    scored: list[set[str]] = []
    for each in _neighbours(settled, chosen):
        for record in (yield from objects.input(each.range, settings)):
            values = _values(record)
            if values is not None:
                scored.append(set(values))
    return find_missing_values(rejected, scored)


def _neighbours(settled: Sequence[SettledRows], chosen: Sequence[int]) -> list[SettledRows]:
    """Return the nearest scored ranges of the chosen ones, the largest that may be read first."""
    found: dict[RowRange, SettledRows] = {}
    for number in chosen:
        around = (each for step in range(1, 20) for each in (number - step, number + step) if 0 <= each < len(settled))
        near = next((settled[each] for each in around if _may_read(settled[each])), None)
        if near is not None:
            found[near.range] = near
    return sorted(found.values(), key=lambda each: -each.range.rows)[:MAX_INPUTS]


def _may_read(each: SettledRows) -> bool:
    return each.scored and each.range.rows <= MAX_ROWS_READ


def _values(record: bytes) -> list[str] | None:
    try:
        rows = list(csv.reader([record.decode()]))
    except (UnicodeDecodeError, csv.Error):
        return None
    return rows[0] if len(rows) == 1 else None


class _Objects:
    """Reads objects of a job; what is missing, forbidden or damaged holds nothing."""

    def __init__(self, job_id: str, bucket: str) -> None:
        self._job_id = job_id
        self._bucket = bucket
        self._forbidden = False

    def rejects(self, rows: RowRange) -> Steps[list[Reject]]:
        try:
            return read_rejects((yield object_call(self._bucket, keys.rejects_key(self._job_id, rows))))
        except TailraceError:
            return []

    def input(self, rows: RowRange, settings: JobSettings) -> Steps[list[bytes]]:
        """Return the records sent; an identity that may not read one input may not read others."""
        if self._forbidden:
            return []
        try:
            body = yield object_call(self._bucket, keys.input_key(self._job_id, rows))
        except TailraceError:
            self._forbidden = True
            return []
        frame = frame_of(settings)
        return frame.decode(frame.split(body))
