"""Cutting under load: hundreds of functions record the chunks of one job's stripes at once.

Beside the rule for transactions that meet, the table has DynamoDB's limit for a partition: all
items of a job are in one, which takes 1,000 write units a second. A write in a transaction takes
two for each item of up to 1 KB, and a transaction that is refused for meeting another one takes
them too. What exceeds the limit is refused.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tailrace_consumers.files.cutting_calls import CUTTING_POLICY
from tailrace_core.aws.calls import Call, run, run_async
from tailrace_core.aws.errors import translate_response
from tailrace_core.aws.retrying import DEFAULT_POLICY, RetryPolicy, retrying_async
from tailrace_core.errors import TransientError
from tailrace_core.invocations import InvocationTargets
from tailrace_core.jobs.model import ChunkState, Job, JobSettings, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.ledger.rules import Settlement
from tailrace_core.submission.chunk_steps import ChunkSteps, ChunkTask
from tailrace_core.submission.planning import ChunkPlan
from tailrace_core.submission.stripe_steps import StripeSteps
from tests.faults.load.contention import BATCH, JOB, REFUSAL_S, ROWS, TABLE, ContendedTable
from tests.faults.load.virtual_time import VirtualTime, sleep
from tests.faults.memory_aws.dynamodb import DynamoDb

UNITS_A_SECOND = 1_000
CUT_S = 4.0
"""Time to read, cut and upload a stripe; it varies by half of it."""
INVOKE_S = 0.05
BETWEEN_S = 0.2
"""Time in which the state machine starts the next stripe."""
AGAIN_S = 10.0
"""Time after which the state machine calls a function again that gave up."""
CONSUMERS = 10
CONSUME_S = 0.4
"""Time of a batch of ten answers before they are settled."""


class PartitionedTable(ContendedTable):
    """A table whose items are in one partition."""

    def __init__(self, time: VirtualTime, dynamodb: DynamoDb) -> None:
        super().__init__(time, dynamodb)
        self.throttled = 0
        self.units = 0
        self.job_writes = 0
        self._room, self._filled_at = float(UNITS_A_SECOND), 0.0

    async def execute(self, call: Call) -> Any:
        if call.operation == "transact_write_items":
            writes = len(call.params["TransactItems"])
            if not self._take(2 * writes):
                self.throttled += 1
                await sleep(REFUSAL_S)
                raise _throttled(writes)
            answer = await super().execute(call)
            self.job_writes += 1
            return answer
        return await super().execute(call)

    def _take(self, units: int) -> bool:
        """Take write units of the second that is going on; False if there are not so many."""
        self._room = min(UNITS_A_SECOND, self._room + UNITS_A_SECOND * (self.time.now - self._filled_at))
        self._filled_at = self.time.now
        if self._room < units:
            return False
        self._room -= units
        self.units += units
        return True


def _throttled(writes: int) -> Exception:
    answer = {
        "Error": {"Code": "TransactionCanceledException", "Message": "over the limit"},
        "ResponseMetadata": {"HTTPStatusCode": 400, "HTTPHeaders": {}},
        "CancellationReasons": [{"Code": "ThrottlingError"}] * writes,
    }
    return translate_response(answer, "dynamodb.transact_write_items")


@dataclass(frozen=True)
class CuttingReport:
    """Figures of a run; times are virtual."""

    stripes: int
    chunks: int
    functions: int
    cut_s: float
    """Time until the last stripe was recorded."""
    settled_s: float
    """Time until the last chunk was settled."""
    longest_record_s: float
    """Longest time of a function to record the chunks of a stripe that was uploaded."""
    gave_up: int
    """Calls of a function that gave up, so that their stripe was read again."""
    transactions: int
    conflicts: int
    throttled: int
    job_writes_a_second: float
    calls_a_chunk: float
    """Calls of the ledger by the functions that cut, for each chunk."""
    in_flight: float
    """Mean number of chunks in flight while stripes were cut."""

    def __str__(self) -> str:
        return (
            f"{self.stripes} stripes of {self.chunks // self.stripes} chunks, {self.functions} functions: cut after "
            f"{self.cut_s:.0f} s ({self.chunks / self.cut_s:.0f} chunks a second), settled after {self.settled_s:.0f} "
            f"s; recorded after {self.longest_record_s:.1f} s at most, {self.gave_up} calls gave up; "
            f"{self.transactions} transactions, {self.conflicts} refused for a conflict and {self.throttled} for the "
            f"limit, {self.job_writes_a_second:.0f} writes of the job a second; {self.calls_a_chunk:.2f} calls of the "
            f"ledger a chunk; {self.in_flight:.0f} in flight"
        )


@dataclass
class _Stripe:
    first_row: int
    attempts: int = 0


@dataclass
class Cutting:
    """Functions that cut stripes, and others that settle what the model has answered."""

    stripes: int
    chunks_per_stripe: int
    functions: int
    window: int
    answers_a_second: float
    policy: RetryPolicy
    together: bool
    seed: int
    _visible: deque[RowRange] = field(default_factory=deque)

    def run(self) -> CuttingReport:
        """Run until every chunk is settled."""
        self._time = VirtualTime()
        self._random = random.Random(self.seed)
        self._table = PartitionedTable(self._time, DynamoDb(TABLE, self._time.clock))
        settings = JobSettings(endpoint_name="e", window=self.window)
        ledger = DynamoSteps(TABLE)
        self._ledger = ledger
        self._steps = StripeSteps(ChunkSteps(_Resources(), ledger, JOB, settings, self._time.clock))
        job = Job(job_id=JOB, state=JobState.SUBMITTING, created_at=0.0, deadline_at=86_400.0)
        run(ledger.create_job(job, settings), self._perform)
        rows = self.chunks_per_stripe * ROWS
        self._left = deque(_Stripe(number * rows) for number in range(self.stripes))
        self._recorded = self._settled = self._gave_up = self._calls = 0
        self._cut_s = self._settled_s = self._longest_s = self._model_free_at = 0.0
        self._samples: list[int] = []
        for _ in range(self.functions):
            self._time.schedule(self._function(), self._random.random() * BETWEEN_S)
        for _ in range(CONSUMERS):
            self._time.schedule(self._consumer(), self._random.random())
        self._time.schedule(self._sampler(), 0.0)
        self._time.run()
        return CuttingReport(
            stripes=self.stripes,
            chunks=self._chunks,
            functions=self.functions,
            cut_s=self._cut_s,
            settled_s=self._settled_s,
            longest_record_s=self._longest_s,
            gave_up=self._gave_up,
            transactions=self._table.transactions,
            conflicts=self._table.conflicts,
            throttled=self._table.throttled,
            job_writes_a_second=self._table.job_writes / self._settled_s,
            calls_a_chunk=self._calls / self._chunks,
            in_flight=sum(self._samples) / len(self._samples),
        )

    @property
    def _chunks(self) -> int:
        return self.stripes * self.chunks_per_stripe

    def _perform(self, call: Call) -> Any:
        return getattr(self._table.dynamodb, call.operation)(**call.params)

    def _executor(self, policy: RetryPolicy, *, counts: bool) -> Callable[[Call], Any]:
        async def execute(call: Call) -> Any:
            if call.service == "sagemaker-runtime":
                await sleep(INVOKE_S)
                self._answer_later(call.params["InferenceId"])
                return {"OutputLocation": "s3://b/o"}
            self._calls += counts
            return await self._table.execute(call)

        return retrying_async(execute, policy=policy, sleep=sleep, jitter=self._random.random)

    def _answer_later(self, inference_id: str) -> None:
        first_row, rows = map(int, inference_id.split(".")[1:3])
        self._model_free_at = max(self._time.now, self._model_free_at) + 1 / self.answers_a_second

        async def answer() -> None:
            self._visible.append(RowRange(first_row, rows))

        self._time.schedule(answer(), self._model_free_at - self._time.now)

    async def _function(self) -> None:
        execute = self._executor(self.policy, counts=True)
        while self._left:
            stripe = self._left.popleft()
            stripe.attempts += 1
            await sleep(CUT_S * (0.5 + self._random.random()))
            uploaded_at = self._time.now
            try:
                await self._record(stripe, execute)
            except TransientError:
                self._gave_up += 1
                await sleep(AGAIN_S * self._random.random())
                self._left.appendleft(stripe)
                continue
            self._recorded += self.chunks_per_stripe
            self._cut_s = self._time.now
            self._longest_s = max(self._longest_s, self._time.now - uploaded_at)
            await sleep(BETWEEN_S)

    async def _record(self, stripe: _Stripe, execute: Any) -> None:
        """Record a stripe's chunks as CutStripe does: read what there is, record, invoke, confirm."""
        rows = RowRange(stripe.first_row, self.chunks_per_stripe * ROWS)
        job = await run_async(self._ledger.job(JOB), execute)
        known = await run_async(self._steps.recorded(rows), execute)
        plans = [_plan(RowRange(stripe.first_row + at * ROWS, ROWS)) for at in range(self.chunks_per_stripe)]
        first = stripe.first_row // ROWS
        tasks = [ChunkTask(plan, None, first + at) for at, plan in enumerate(plans) if known.find(plan) is None]
        size = len(tasks) if self.together else 1
        for start in range(0, len(tasks), size or 1):
            part = tasks[start : start + size]
            started = await run_async(self._steps.record(part, job), execute)
            job = None
            located = [each for chunk in started for each in await run_async(self._steps.chunks.invoke(chunk), execute)]
            await run_async(self._steps.chunks.confirm(located), execute)
            if self.window and len(started) < len(part):
                located = await run_async(self._steps.fill_window(), execute)
                await run_async(self._steps.chunks.confirm(located), execute)

    async def _consumer(self) -> None:
        """Settle answers, and start waiting chunks that fit, as CollectResults does."""
        execute = self._executor(DEFAULT_POLICY, counts=False)
        while self._settled < self._chunks:
            batch = [self._visible.popleft() for _ in range(min(BATCH, len(self._visible)))]
            if not batch:
                await sleep(0.2)
                continue
            await sleep(CONSUME_S)
            await self._settle(batch, execute)

    async def _settle(self, batch: Sequence[RowRange], execute: Any) -> None:
        ends = [Settlement(job_id=JOB, range=rows, state=ChunkState.SCORED) for rows in batch]
        try:
            await run_async(self._ledger.mark_all_answered([(JOB, rows) for rows in batch]), execute)
            await run_async(self._ledger.settle_all(ends), execute)
        except TransientError:
            self._visible.extend(batch)
            return
        self._settled += len(batch)
        self._settled_s = self._time.now
        try:
            job = await run_async(self._ledger.job(JOB), execute)
            if self.window and job is not None:
                located = await run_async(self._steps.chunks.start_waiting(job), execute)
                await run_async(self._steps.chunks.confirm(located), execute)
        except TransientError:
            return

    async def _sampler(self) -> None:
        while self._recorded < self._chunks:
            await sleep(1.0)
            job = run(self._ledger.job(JOB), self._perform)
            self._samples.append(0 if job is None else job.chunks_in_flight)


class _Resources:
    bucket = "b"
    table = TABLE
    results_topic = "t"
    transforms_queue = None
    invocation_targets = InvocationTargets("b")


def _plan(rows: RowRange) -> ChunkPlan:
    return ChunkPlan(range=rows, source_checksum="crc32:00000000", source_bytes=1, input=(), input_checksum="")


def cut(
    stripes: int,
    functions: int,
    *,
    chunks_per_stripe: int = 32,
    window: int = 200,
    answers_a_second: float = 20.0,
    policy: RetryPolicy = CUTTING_POLICY,
    together: bool = True,
    seed: int = 0,
) -> CuttingReport:
    """Simulate ``functions`` that cut ``stripes`` of one job, and return the figures.

    The model answers ``answers_a_second``. Without ``together``, each chunk has a transaction of
    its own.
    """
    return Cutting(stripes, chunks_per_stripe, functions, window, answers_a_second, policy, together, seed).run()
