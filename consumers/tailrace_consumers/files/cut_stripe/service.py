"""CutStripe: from the records of a run of stripes to chunks, as a submit on one machine makes them.

It may be repeated, and run twice at once: a chunk is recorded once, and one that is recorded and
not yet invoked is invoked again. Rows are uploaded before their chunks are recorded, and recorded
before they are invoked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from tailrace_consumers.files.cutting_resources import CuttingResources
from tailrace_core.aws.calls import BodyCall, Call, Steps, run
from tailrace_core.errors import PermanentError
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.ledger.writes import MAX_OPENED
from tailrace_core.objects import keys
from tailrace_core.records import screening  # noqa: F401 - NumPy is imported before the first event
from tailrace_core.submission.chunk_steps import ChunkSteps, ChunkTask, JobClosedError, NextStep, next_step
from tailrace_core.submission.planning import ChunkPlan, Planner, Seal, planner_of
from tailrace_core.submission.stripe_steps import StripeSteps, guessed_number, takes_chunks
from tailrace_core.submission.striping.reading import OpenRange
from tailrace_core.submission.striping.records import StripeRecords
from tailrace_core.submission.striping.request import CuttingRequest
from tailrace_core.submission.striping.runs import stretch_of_start
from tailrace_core.submission.striping.stretch_reading import read_together

if TYPE_CHECKING:
    from tailrace_consumers.settings import CuttingSettings
    from tailrace_core.jobs.model import Chunk, Job
    from tailrace_core.submission.resuming import PreviousChunks
    from tailrace_core.submission.striping.reading import StripeStart

T = TypeVar("T")

CONCURRENCY = 4
"""Uploads and invocations at once."""
HELD_BYTES = 48 * 1024 * 1024
"""Most bytes of chunks that are being uploaded, unless a single chunk has more."""
MARGIN_S = 120.0
"""Time left at which a call ends, and another goes on: enough for a large chunk and its calls."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where to go on in a run: the next row, counted over the input, and its offset.

    The offset is in bytes of the data of the row's stripe.
    """

    row: int
    offset: int


class CutStripe:
    """Cuts stripes. ``execute`` carries out calls and knows `tailrace_core.aws.calls.BodyCall`.

    With a ``concurrency`` of 1, calls have one order.
    """

    def __init__(
        self,
        settings: CuttingSettings,
        execute: Callable[[Call], Any],
        open_range: OpenRange,
        *,
        now: Callable[[], float],
        concurrency: int = CONCURRENCY,
    ) -> None:
        self._resources = CuttingResources(settings)
        self._ledger = DynamoSteps(settings.ledger_table)
        self._execute = execute
        self._open_range = open_range
        self._now = now
        self._concurrency = concurrency
        # Of the jobs whose stripes this process cuts, a few at most at a time.
        self._planner = lru_cache(maxsize=16)(self._read_planner)

    def cut(
        self,
        job_id: str,
        stripes: Sequence[StripeStart],
        checkpoint: Checkpoint | None,
        time_left_s: Callable[[], float],
    ) -> Checkpoint | None:
        """Cut a run of stripes from its start, or from the checkpoint of an earlier call.

        Returns where to go on when the time runs out, None when the run is cut. Does nothing for
        a job that takes no chunks any more.

        Raises:
            InputError: an object has changed, or rows are not as the job demands.
            TransientError: a call failed for now.
        """
        job = self._run(self._ledger.job(job_id))
        if not takes_chunks(job):
            return None
        planner = self._planner(job_id)
        steps = StripeSteps(ChunkSteps(self._resources, self._ledger, job_id, planner.settings, self._now))
        begin = checkpoint or Checkpoint(stripes[0].first_row, 0)
        try:
            with (
                ThreadPoolExecutor(self._concurrency) as threads,
                read_together(list(map(stretch_of_start, stripes)), self._open_range) as open_range,
            ):
                start = threads.submit if self._concurrency > 1 else _start_here
                return _Cutting(steps, job, self._run, start).cut(planner, stripes, begin, open_range, time_left_s)
        except JobClosedError:
            return None

    def _run(self, steps: Steps[T]) -> T:
        return run(steps, self._execute)

    def _read_planner(self, job_id: str) -> Planner:
        call = BodyCall("s3", "get_object", {"Bucket": self._resources.bucket, "Key": keys.cutting_request_key(job_id)})
        request = CuttingRequest.from_json(self._execute(call))
        return planner_of(request.settings, request.header_record, request.on_bad_row)


class _Cutting:
    """The cutting of one run in one call.

    ``job`` is as just read; its state is checked at every write. ``run_steps`` carries out steps,
    ``start`` starts a function, perhaps in another thread.
    """

    def __init__(
        self,
        steps: StripeSteps,
        job: Job | None,
        run_steps: Callable[[Steps[Any]], Any],
        start: Callable[..., Future[None]],
    ) -> None:
        self._steps = steps
        self._job = job
        self._run = run_steps
        self._start = start
        self._uploads: list[tuple[Future[None], int]] = []
        self._batch: list[ChunkTask] = []

    def cut(
        self,
        planner: Planner,
        stripes: Sequence[StripeStart],
        begin: Checkpoint,
        open_range: OpenRange,
        time_left_s: Callable[[], float],
    ) -> Checkpoint | None:
        end, at = stripes[-1].end, begin
        recorded = self._run(self._steps.recorded(RowRange(begin.row, end - begin.row)))

        def is_time_up() -> bool:
            return time_left_s() < MARGIN_S

        for stripe in stripes:
            if at.row < stripe.end:
                records = StripeRecords(stripe, planner.settings, open_range)
                at = self._cut(planner, stripe, records, at, recorded, is_time_up)
                if at.row < stripe.end or (at.row < end and is_time_up()):
                    self._send()
                    return at
        self._send()
        return None

    def _cut(
        self,
        planner: Planner,
        stripe: StripeStart,
        records: StripeRecords,
        begin: Checkpoint,
        recorded: PreviousChunks,
        is_time_up: Callable[[], bool],
    ) -> Checkpoint:
        """Cut a stripe; return where to go on: in it if the time is up, or behind it."""

        def describe(offset: int) -> str:
            return records.describe_position(begin.offset + offset)

        at = begin
        blocks = records.blocks(begin.offset)
        plans = planner.plan(blocks, describe, records.known_rejects, first_row=begin.row)
        for number, plan in enumerate(plans):
            if isinstance(plan, Seal):
                break
            self._add(ChunkTask(plan, recorded.find(plan), guessed_number(stripe.number, number, planner.settings)))
            at = Checkpoint(plan.range.end, at.offset + plan.source_bytes)
            if plan.ends_cut and at.row < stripe.end and is_time_up():
                return at
            if len(self._batch) == MAX_OPENED:
                self._send()
        if at.row != stripe.end:
            raise PermanentError(
                f"stripe {stripe.number} of job {self._steps.chunks.job_id} was counted to end before row {stripe.end} "
                f"and ends before row {at.row}; report a bug in Tailrace"
            )
        return Checkpoint(stripe.end, 0)

    def _add(self, task: ChunkTask) -> None:
        """Upload a chunk's objects, unless it is recorded: then they are there."""
        plan, needed = task.plan, next_step(task.recorded)
        if needed is NextStep.SKIP:
            return
        if needed is NextStep.SEND:
            while self._uploads and sum(held for _, held in self._uploads) + plan.held_bytes > HELD_BYTES:
                self._uploads.pop(0)[0].result()
            self._uploads.append((self._start(self._upload, plan), plan.held_bytes))
        self._batch.append(replace(task, plan=plan.uploaded()))

    def _upload(self, plan: ChunkPlan) -> None:
        self._run(self._steps.chunks.upload(plan))

    def _send(self) -> None:
        """Record the chunks whose objects are uploaded, and invoke those that are started."""
        for upload, _ in self._uploads:
            upload.result()
        tasks, self._batch, self._uploads = self._batch, [], []
        if not tasks:
            return
        started = self._run(self._steps.record(tasks, self._job))
        if self._steps.chunks.settings.window:
            # Others have moved the window since the job was read.
            self._job = None
        located: list[Chunk] = []
        try:
            _wait([self._start(self._invoke, chunk, located) for chunk in started])
        finally:
            self._run(self._steps.chunks.confirm(located))
        if self._steps.chunks.settings.window and len(started) < len(tasks):
            # All that was in flight may have been settled before these were recorded as waiting.
            self._run(self._steps.chunks.confirm(self._run(self._steps.fill_window())))

    def _invoke(self, chunk: Chunk, located: list[Chunk]) -> None:
        located += self._run(self._steps.chunks.invoke(chunk))


def _start_here(function: Callable[..., None], *arguments: Any) -> Future[None]:
    """Call a function as an executor of no threads would."""
    done: Future[None] = Future()
    try:
        function(*arguments)
    except Exception as exc:  # noqa: BLE001 - raised by whoever asks for the result
        done.set_exception(exc)
    else:
        done.set_result(None)
    return done


def _wait(calls: Sequence[Future[None]]) -> None:
    """Wait for all calls, then raise the first error."""
    for error in [error for call in calls if (error := call.exception()) is not None]:
        raise error
