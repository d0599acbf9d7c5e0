"""Scores an opened input: plans chunks, has them scored in threads, writes the parts in order.

Memory holds a bounded number of chunks: those of the threads, as many again that are next or done,
and one that is being cut.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from tailrace.download.rejected_rows import RejectedRows
from tailrace.download.rejects_summary.reasons import ReasonCounter
from tailrace.download.safe_csv import escape_if
from tailrace.download.targets import CountingFile, open_target, shown
from tailrace.progress import ScoringProgress
from tailrace.scoring.chunk_scorer import ChunkInput, ChunkScorer, ScoredPart
from tailrace.scoring.ordered_threads import OrderedThreads
from tailrace.scoring.result import Scored, counters
from tailrace_core.csv_text.headers import header_line
from tailrace_core.submission.planning import ChunkPlan, Seal

if TYPE_CHECKING:
    import os

    from tailrace.download.object_upload import S3Target
    from tailrace.download.result_writer import Rows
    from tailrace.progress import OnProgress
    from tailrace.scoring.invoker import ModelInvoker
    from tailrace.scoring.run_state import Clock, RunState
    from tailrace.sources.record_source import RecordSource
    from tailrace_core.jobs.model import JobSettings
    from tailrace_core.submission.planning import Planner

MOST_FREQUENT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Where the result and the rejected rows go."""

    output: str | os.PathLike[str] | IO[bytes]
    rejects: str | os.PathLike[str] | IO[bytes] | None = None
    safe_csv: bool = False
    s3: S3Target | None = None
    """Writes to the output that is an address of S3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileScorer:
    """Scores one input with a model."""

    invoker: ModelInvoker
    state: RunState
    clock: Clock
    concurrency: int
    on_progress: OnProgress
    random_source: random.Random = field(default_factory=random.Random)

    def score(self, source: RecordSource, planner: Planner, targets: Targets) -> Scored:
        """Score the input; both files get their names when all of it is scored.

        Raises:
            ScoringError: there is no whole result.
            TailraceError: the input is wrong, or the model cannot be called.
        """
        started = self.clock.now()
        scorer = ChunkScorer(self.invoker, self.state, self.random_source)
        threads = OrderedThreads(scorer.score, self.concurrency)
        plans = _Plans(source, planner, self.state)
        try:
            with _open_writer(targets, self.state.settings) as writer:
                for parts in threads.results(plans, self.state.failure, self.state.require_running):
                    for each in parts:
                        writer.write(each)
                    self._report(source)
                self._require_result(writer)
        except BaseException as exc:
            self.state.abort(exc)
            raise
        return Scored(
            **counters(self.state.job),
            chunks=plans.chunks,
            requests=self.state.traffic.requests,
            retries=self.state.traffic.retries,
            seconds=round(self.clock.now() - started, 3),
            size_bytes=writer.size_bytes,
            target=shown(targets.output),
            rejects_target=None if targets.rejects is None else shown(targets.rejects),
            reasons=writer.reasons.most_frequent(MOST_FREQUENT),
        )

    def _require_result(self, writer: _Writer) -> None:
        job = self.state.job
        self.state.check_limit()
        if job.rows_rejected and not job.rows_scored:
            reason = writer.reasons.most_frequent(1)[0].reason
            self.state.fail(
                f"no row was scored: all {job.rows_rejected} rows were rejected, for instance with: {reason}"
            )

    def _report(self, source: RecordSource) -> None:
        job = self.state.job
        self.on_progress(
            ScoringProgress(
                job_id=job.job_id,
                rows_read=job.rows_settled,
                bytes_read=source.bytes_read,
                bytes_total=source.size_hint_bytes,
                rows_rejected=job.rows_rejected,
            )
        )


class _Plans:
    """The chunks of an input, each as it is needed.

    The number of rows is known before the last chunk is scored: one more is cut ahead.
    """

    def __init__(self, source: RecordSource, planner: Planner, state: RunState) -> None:
        self._source = source
        self._planner = planner
        self._state = state
        self.chunks = 0

    def __iter__(self) -> Iterator[ChunkInput]:
        source = self._source
        before: ChunkPlan | None = None
        for plan in self._planner.plan(source.blocks(), source.describe_position, source.known_rejects):
            if isinstance(plan, Seal):
                self._state.seal(plan.rows_total)
                break
            if before is not None:
                yield self._input(before)
            before = plan
        if before is not None:
            yield self._input(before)

    def _input(self, plan: ChunkPlan) -> ChunkInput:
        self.chunks += 1
        self._state.open(plan.range)
        return ChunkInput(plan.range, b"".join(plan.input), b"".join(plan.kept), plan.rejected)


class _Writer:
    """Writes the parts and the rejected rows."""

    def __init__(self, rows: Rows, rejects: Rows | None, settings: JobSettings, counted: list[CountingFile]) -> None:
        self._rows = rows
        self._rejects = rejects
        self._rejected = RejectedRows(settings, whole=False)
        self._counted = counted
        self.reasons = ReasonCounter()
        rows.write(header_line(settings.result_columns))
        if rejects is not None:
            rejects.write(self._rejected.csv_header())

    @property
    def size_bytes(self) -> int:
        """Bytes of the result so far."""
        return self._counted[0].size_bytes

    def write(self, part: ScoredPart) -> None:
        """Write a part, which is next in the order of rows."""
        for block in part.blocks:
            self._rows.write(block)
        for each in part.rejects:
            self.reasons.add(each.reason)
            if self._rejects is not None:
                self._rejects.write(self._rejected.csv_line(each))


@contextmanager
def _open_writer(targets: Targets, settings: JobSettings) -> Iterator[_Writer]:
    """Open both targets.

    The result gets its name last: whoever sees it finds its rejected rows beside it.
    """
    counted: list[CountingFile] = []
    with ExitStack() as stack:
        output = stack.enter_context(open_target(targets.output, s3=targets.s3, counted=counted))
        rows = stack.enter_context(escape_if(output, wanted=targets.safe_csv))
        rejects: Rows | None = None
        if targets.rejects is not None:
            file = stack.enter_context(open_target(targets.rejects))
            rejects = stack.enter_context(escape_if(file, wanted=targets.safe_csv))
        yield _Writer(rows, rejects, settings, counted)
