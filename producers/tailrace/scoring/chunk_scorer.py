"""Scores one chunk to its end: attempts, splits and rejections, until each of its rows is settled.

The rules are the pipeline's (`tailrace_core.jobs.failures`, `tailrace_core.parts`); where a job
would wait for an operator, the run fails.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from tailrace.scoring.invoker import InvocationFailedError, ModelInvoker
from tailrace.scoring.run_state import RunState
from tailrace_core.answers.reader import AnswerReader
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.csv_text.records import split_records
from tailrace_core.csv_text.rejects import Reject
from tailrace_core.errors import AlignmentError
from tailrace_core.jobs.backoff import backoff_s
from tailrace_core.jobs.classification import classify
from tailrace_core.jobs.failures import POLICIES, Action, FailureClass
from tailrace_core.jobs.model import Chunk, JobSettings
from tailrace_core.jobs.probing import MAX_PROBES
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.jobs.split_budget import not_isolated_reason
from tailrace_core.objects.request_frames import frame_of
from tailrace_core.parts.alignment import aligned_predictions, part_blocks
from tailrace_core.parts.answer_shapes import AnswerShapes
from tailrace_core.parts.chunk_rows import ChunkRows, halve, split_off_first
from tailrace_core.parts.joining import kept_lines
from tailrace_core.positions.canaries import add_copies
from tailrace_core.positions.canary_draws import draw_layout
from tailrace_core.positions.canary_layout import CanaryLayout

BASE_DELAY_S = 0.5
"""A person waits: retries begin sooner than those of a job, and back off alike."""
MAX_DELAY_S = 30.0
MAX_REASON_CHARS = 2000


@dataclass(frozen=True, slots=True)
class ChunkInput:
    """A chunk to score: what is sent, what is kept, and the rows that are not sent."""

    range: RowRange
    sent: bytes
    """The body of the request."""
    kept: bytes = b""
    rejects: tuple[Reject, ...] = ()


@dataclass(frozen=True, slots=True)
class ScoredPart:
    """The bytes of a part and its rejected rows, in the order of rows."""

    range: RowRange
    blocks: list[bytes]
    rejects: list[Reject]


@dataclass(frozen=True, slots=True)
class _Failure:
    failure_class: FailureClass
    reason: str
    retry_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _Task:
    """A chunk, and what is known of its attempts."""

    chunk: ChunkInput
    record: Chunk


class ChunkScorer:
    """Scores the chunks of one run. Thread-safe."""

    def __init__(self, invoker: ModelInvoker, state: RunState, random_source: random.Random) -> None:
        self._invoker = invoker
        self._state = state
        self._settings = state.settings
        self._shapes = AnswerShapes(state)
        self._random = random_source
        self._frame = frame_of(self._settings)

    def score(self, whole: ChunkInput) -> list[ScoredPart]:
        """Score a chunk; return its parts in the order of rows.

        Raises:
            ScoringError: the run cannot have a whole result.
            TailraceError: the model cannot be called.
        """
        parts: list[ScoredPart] = []
        held: list[_Task] = []
        waiting = [_Task(whole, self._record(whole))]
        while waiting or held:
            task = waiting.pop() if waiting else held.pop(0)
            found = self._settle(task, may_hold=bool(waiting))
            if isinstance(found, ScoredPart):
                parts.append(found)
            elif isinstance(found, _Task):
                held.append(found)
            else:
                waiting += (_Task(each, self._record(each)) for each in reversed(found))
        return sorted(parts, key=lambda each: each.range)

    def _settle(self, task: _Task, *, may_hold: bool) -> ScoredPart | _Task | tuple[ChunkInput, ChunkInput]:
        """Score a chunk, reject it, divide it, or with ``may_hold`` return it to be tried later."""
        chunk, record = task.chunk, task.record
        if not record.rows_sent:
            return self._unscored(chunk, list(chunk.rejects))
        number = 0
        while True:
            number += 1
            self._state.require_running()
            tried = self._attempt(chunk, record, again=number > 1 or record.tries > 1)
            if isinstance(tried, ScoredPart):
                return tried
            if record.scored_before is None:
                record = replace(record, scored_before=self._state.job.answers)
            match self._action(chunk, record, tried):
                case Action.RETRY:
                    record = replace(record, tries=record.tries + POLICIES[tried.failure_class].counted)
                    delay_s = backoff_s(number, self._random, base_s=BASE_DELAY_S, cap_s=MAX_DELAY_S)
                    self._state.wait(max(delay_s, min(tried.retry_after_s, MAX_DELAY_S)))
                case Action.SPLIT:
                    return self._isolate(chunk, tried)
                case Action.PROBE if may_hold:
                    return _Task(chunk, record)
                case _:
                    self._state.fail(f"{tried.reason} (rows {chunk.range.first_row} to {chunk.range.end - 1})")

    def _record(self, chunk: ChunkInput) -> Chunk:
        return Chunk(job_id=self._state.job.job_id, range=chunk.range, rejected=len(chunk.rejects))

    # -- one attempt

    def _attempt(self, chunk: ChunkInput, record: Chunk, *, again: bool) -> ScoredPart | _Failure:
        settings = self._settings
        layout = draw_layout(
            record.job_id, chunk.range, record.rows_sent, settings.canaries, guarded=settings.guarded_canaries
        )
        body = add_copies(chunk.sent, layout, self._frame)
        try:
            self._state.count_request(again=again)
            blocks = self._part(chunk, record, layout, body, self._invoker.invoke(body))
        except InvocationFailedError as exc:
            reason = exc.message[:MAX_REASON_CHARS]
            return _Failure(classify(exc.message), reason, exc.retry_after_s or 0.0)
        except AlignmentError as exc:
            return self._refuse(record, exc)
        rejects = list(chunk.rejects)
        self._state.settle(chunk.range, rejects, sample=self._sample(chunk))
        return ScoredPart(chunk.range, blocks, rejects)

    def _part(self, chunk: ChunkInput, record: Chunk, layout: CanaryLayout, body: bytes, answer: bytes) -> list[bytes]:
        settings, job = self._settings, self._state.job
        header = settings.header is HeaderPolicy.REPEAT
        expected = self._shapes.expected(job, settings, layout.lines, header=header)
        reader = AnswerReader(expected)
        first_row = chunk.range.first_row
        predictions = aligned_predictions(
            [answer], reader, settings, layout, first_row=first_row, sent=lambda: self._frame.records([body])
        )
        rejected = [each.row for each in chunk.rejects]
        blocks = list(
            part_blocks(predictions, settings, chunk.range, rejected=rejected, kept=self._kept(chunk, settings))
        )
        # Before the part takes effect.
        self._shapes.check_order(job, record, layout)
        self._shapes.establish(job, record, reader, expected)
        return blocks

    def _kept(self, chunk: ChunkInput, settings: JobSettings) -> Iterator[list[bytes]] | None:
        if not settings.has_kept_columns:
            return None
        return kept_lines([chunk.kept], chunk.range.rows, f"the kept columns from row {chunk.range.first_row} on")

    def _refuse(self, record: Chunk, error: AlignmentError) -> _Failure:
        """Return the failure of an answer without predictions; keep what it says about others."""
        job = self._state.job
        early = record.range.rows != job.rows_total and record.tries < self._settings.max_attempts
        if early and self._shapes.is_undecided(job, self._settings, error):
            return _Failure(FailureClass.TRANSIENT, error.message)
        self._shapes.record_misfit(job, error)
        return _Failure(FailureClass.DATA, error.message[:MAX_REASON_CHARS])

    def _sample(self, chunk: ChunkInput) -> bytes | None:
        """Return a row of a scored chunk, as it would be sent alone."""
        return None if self._state.known_row is not None else self._frame.join(self._frame.split(chunk.sent)[:1])

    # -- after a failure

    def _action(self, chunk: ChunkInput, record: Chunk, failure: _Failure) -> Action:
        policy = POLICIES[failure.failure_class]
        exhausted = policy.counted and record.tries >= self._settings.max_attempts
        if policy.first is not Action.RETRY:
            return policy.first
        if not exhausted:
            return Action.RETRY
        if policy.last is not Action.SPLIT:
            return policy.last
        # The model may be at fault: then a split multiplies requests and rejects good rows.
        if self._model_works(chunk, record):
            return Action.SPLIT
        # A single row says nothing about itself; rows behind it may show that the model works.
        return Action.PROBE if record.rows_sent == 1 and self._state.known_row is None else Action.PARK

    def _model_works(self, chunk: ChunkInput, record: Chunk) -> bool:
        """Tell whether the model has scored a row since the chunk began to fail, or does now."""
        if self._state.job.answers > (record.scored_before or 0):
            return True
        known = self._state.known_row
        if known is None and record.rows_sent == 1:
            return False
        return any(map(self._scores, self._probes(chunk) if known is None else [known]))

    def _probes(self, chunk: ChunkInput) -> Iterator[bytes]:
        """Yield single rows of a chunk to try, from both ends in turn, as they would be sent."""
        lines = self._frame.split(chunk.sent)
        last = len(lines) - 1
        for index in list(dict.fromkeys((0, last, min(1, last), max(last - 1, 0))))[:MAX_PROBES]:
            yield self._frame.join([lines[index]])

    def _scores(self, row: bytes) -> bool:
        """Tell whether the model scores a single row, in as many attempts as a chunk has."""
        settings = self._settings
        for number in range(1, settings.max_attempts + 1):
            self._state.require_running()
            self._state.count_request(again=True)
            header = settings.header is HeaderPolicy.REPEAT
            reader = AnswerReader(self._shapes.expected(self._state.job, settings, 1, header=header))
            try:
                for _ in reader.read([self._invoker.invoke(row)]):
                    pass
            except AlignmentError:
                return False
            except InvocationFailedError as exc:
                if POLICIES[classify(exc.message)].first is not Action.RETRY or number == settings.max_attempts:
                    return False
                self._state.wait(backoff_s(number, self._random, base_s=BASE_DELAY_S, cap_s=MAX_DELAY_S))
            else:
                self._state.answered(row)
                return True
        return False

    def _isolate(self, chunk: ChunkInput, failure: _Failure) -> ScoredPart | tuple[ChunkInput, ChunkInput]:
        rows = self._rows(chunk)
        if len(rows.sent) == 1:
            return self._unscored(chunk, rows.reject_all(failure.reason), refused=1)
        if not self._state.take_split():
            reason = not_isolated_reason(len(rows.sent), failure.reason)
            return self._unscored(chunk, rows.reject_all(reason))
        divide: Callable[[ChunkRows], tuple[ChunkRows, ChunkRows]] = (
            halve if self._state.job.rows_scored else split_off_first
        )
        left, right = divide(rows)
        return self._child(left), self._child(right)

    def _rows(self, chunk: ChunkInput) -> ChunkRows:
        return ChunkRows(
            chunk=self._record(chunk),
            settings=self._settings,
            frame=self._frame,
            sent=self._frame.split(chunk.sent),
            kept=split_records(chunk.kept) if self._settings.has_kept_columns else None,
            rejects=list(chunk.rejects),
        )

    def _child(self, rows: ChunkRows) -> ChunkInput:
        return ChunkInput(
            range=rows.chunk.range,
            sent=self._frame.join(rows.sent),
            kept=b"".join(rows.kept or ()),
            rejects=tuple(rows.rejects),
        )

    def _unscored(self, chunk: ChunkInput, rejects: list[Reject], *, refused: int = 0) -> ScoredPart:
        """Settle a chunk of which no row is scored."""
        rejected = [each.row for each in rejects]
        blocks = list(
            part_blocks((), self._settings, chunk.range, rejected=rejected, kept=self._kept(chunk, self._settings))
        )
        self._state.settle(chunk.range, rejects, refused=refused)
        return ScoredPart(chunk.range, blocks, rejects)
