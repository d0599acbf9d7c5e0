"""The verdict on a job at rest, in the terms of Jepsen's total-queue checker.

Rows are ok, lost, duplicated, unexpected or recovered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tailrace_core.jobs.model import EARLY_ENDS, Chunk, ChunkState, Job, JobState
from tailrace_core.jobs.ranges import RowRange, first_gap
from tailrace_core.messages.events import JobFinished, PartReady
from tailrace_core.objects.checksums import checksum
from tests.faults.expectation import Expectation


@dataclass
class Report:
    """Row counts of one job, seen by a receiver of its events that drops repetitions."""

    submitted: int
    ok: int = 0
    lost: int = 0
    duplicated: int = 0
    unexpected: int = 0
    recovered: int = 0
    """Rows (all ok) that took more than one attempt, or whose event came more than once."""
    cancelled: int = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        counts = (
            f"submitted {self.submitted} ok {self.ok} lost {self.lost} duplicated {self.duplicated} "
            f"unexpected {self.unexpected} recovered {self.recovered} cancelled {self.cancelled}"
        )
        return "\n".join([counts, *self.faults[:10]])

    @property
    def counts(self) -> dict[str, int]:
        """Row counts by name, to be added up."""
        words = ("submitted", "ok", "lost", "duplicated", "unexpected", "recovered", "cancelled")
        return {word: getattr(self, word) for word in words}

    def require_right(self) -> None:
        """Raise AssertionError, with the report, unless every row is accounted for."""
        assert not self.faults, str(self)
        assert self.ok + self.cancelled == self.submitted, str(self)


@dataclass(frozen=True, kw_only=True)
class JobOutcome:
    """Everything that a job leaves when all is at rest, simulated or deployed."""

    job: Job
    leaves: Sequence[Chunk]
    """Leaf chunks, in order."""
    parts: Mapping[RowRange, bytes]
    events: Sequence[PartReady | JobFinished]
    """Every copy that was published."""
    has_manifest: bool
    result: bytes | None
    """The result as downloaded; None if the job has none."""
    rejected: Sequence[tuple[int, bytes]] | None


def judge(ending: JobOutcome, data: Expectation, expected: JobState | None = None) -> Report:
    """Judge a job: count its rows and collect what is wrong.

    ``expected`` is the final state if it does not follow from the rows.
    """
    return _Verdict(ending, data, expected or data.final_state).report


class _Verdict:
    def __init__(self, ending: JobOutcome, data: Expectation, wanted: JobState) -> None:
        self._ending = ending
        self._data = data
        early = wanted in EARLY_ENDS
        # A job that was closed during its submit ends where its last chunk ends.
        self.report = Report((ending.job.rows_total or 0) if early else len(data.rows))
        self._check_ledger(wanted)
        for chunk in ending.leaves:
            if chunk.state is not ChunkState.CANCELLED:
                self._check_part(chunk)
        if not early:
            self._check_download()
        elif ending.rejected is not None and ending.job.rows_total == len(data.rows):
            self._check_rejects()
        self._check_events()

    def _say(self, fault: str) -> None:
        self.report.faults.append(fault)

    def _check_ledger(self, wanted: JobState) -> None:
        job, leaves = self._ending.job, self._ending.leaves
        if job.state is not wanted:
            self._say(f"the job is {job.state} ({job.reason}), not {wanted}")
        gap = first_gap((each.range for each in leaves), self.report.submitted)
        if gap is not None:
            self._say(f"ledger: {gap}")
        cancelled = sum(each.range.rows for each in leaves if each.state is ChunkState.CANCELLED)
        self.report.cancelled = cancelled
        if cancelled and wanted.value.startswith("completed"):
            self._say(f"{cancelled} rows cancelled in a job that completed")
        if any(each.state is ChunkState.OPEN for each in leaves):
            self._say("a final job has open chunks")
        rejected = sum(each.rejected for each in leaves if each.state in {ChunkState.SCORED, ChunkState.REJECTED})
        unknown = sum(each.not_isolated for each in leaves)
        if job.rows_not_isolated != unknown or unknown > rejected:
            self._say(
                f"{unknown} of {rejected} rejected rows are not isolated, the counter says {job.rows_not_isolated}"
            )
        if (job.rows_rejected, job.rows_cancelled, job.rows_settled) != (rejected, cancelled, job.rows_total):
            self._say(f"the counters are not the chunks' {rejected} rejected, {cancelled} cancelled rows: {job}")

    def _check_part(self, chunk: Chunk) -> None:
        name, stored = chunk.range.name, self._ending.parts.get(chunk.range)
        if stored is None:
            self._say(f"{name} is {chunk.state} and has no part")
            return
        wanted = self._data.part(chunk.range)
        if stored != wanted:
            self._say(f"the part {name} is {stored[:80]!r}, not {wanted[:80]!r}")
        if chunk.part_checksum != checksum(stored) or chunk.part_bytes != len(stored):
            self._say(f"the ledger's checksum of {name} is not its part's")
        bad = sum(row.bad for row in self._data.rows[chunk.range.first_row : chunk.range.end])
        if chunk.rejected != bad:
            self._say(f"{name} counts {chunk.rejected} rejected rows, {bad} are bad")

    def _check_download(self) -> None:
        if self._ending.result != self._data.result:
            self._say("the downloaded result is not the model's answers in order")
        self._check_rejects()

    def _check_rejects(self) -> None:
        if self._ending.rejected != self._data.rejected:
            self._say(f"rejected were {(self._ending.rejected or [])[:5]}, bad are {self._data.rejected[:5]}")

    def _check_events(self) -> None:
        parts: dict[str, list[PartReady]] = {}
        ends: list[JobFinished] = []
        for event in self._ending.events:
            if isinstance(event, PartReady):
                parts.setdefault(event.event_id, []).append(event)
            else:
                ends.append(event)
        self._count_rows(parts)
        self._check_ends(ends)

    def _count_rows(self, parts: Mapping[str, list[PartReady]]) -> None:
        report = self.report
        leaves = {each.range.first_row: each for each in self._ending.leaves}
        covered: Counter[int] = Counter()
        for copies in parts.values():
            first = copies[0]
            covered.update(range(first.first_row, first.first_row + first.rows))
            chunk = leaves.get(first.first_row)
            if chunk is None or chunk.range.rows != first.rows:
                report.unexpected += first.rows
                self._say(f"{first.event_id} reports on a range that is none of the job's leaves")
            elif chunk.state is not ChunkState.CANCELLED:
                self._check_copies(chunk, copies)
                if len(copies) > 1 or chunk.attempt > 1:
                    report.recovered += first.rows
        cancelled = set(self._cancelled_rows())
        for row in range(report.submitted):
            count = covered[row]
            report.ok += count == 1 and row not in cancelled
            report.lost += count == 0 and row not in cancelled
            report.duplicated += count > 1
        if report.lost or report.duplicated:
            self._say(f"events: {report.lost} rows lost, {report.duplicated} rows twice")

    def _cancelled_rows(self) -> Iterator[int]:
        for chunk in self._ending.leaves:
            if chunk.state is ChunkState.CANCELLED:
                yield from range(chunk.range.first_row, chunk.range.end)

    def _check_copies(self, chunk: Chunk, copies: Sequence[PartReady]) -> None:
        name, stored = copies[0].event_id, self._ending.parts.get(chunk.range, b"")
        said = {each.model_dump_json(exclude={"received_at", "completed_at"}) for each in copies}
        if len(said) > 1:
            self._say(f"{name} says different things: {said}")
        for each in copies:
            if (each.checksum, each.rejected, each.not_isolated) != (
                checksum(stored),
                chunk.rejected,
                chunk.not_isolated,
            ):
                self._say(f"{name} does not describe its part")
            if each.body is not None and each.body.encode() != stored:
                self._say(f"{name} carries other bytes than its part")

    def _check_ends(self, ends: Sequence[JobFinished]) -> None:
        job = self._ending.job
        if not ends:
            self._say("JobFinished was never published")
        if len({each.to_json() for each in ends}) > 1:
            self._say(f"JobFinished says different things: {ends}")
        for each in ends:
            if (each.state, each.rows_total, each.rows_scored) != (job.state, job.rows_total, job.rows_scored):
                self._say(f"JobFinished says {each}, the job is {job}")
        if not self._ending.has_manifest:
            self._say("there is no manifest")
