"""Contention: many functions settle the chunks of one job at once.

The functions run the ledger's steps and the production retries in virtual time, over DynamoDB in
memory with its rule for transactions: one that meets an item of another in progress is refused.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tailrace_core.aws.calls import Call, Steps, run, run_async
from tailrace_core.aws.errors import translate_exception, translate_response
from tailrace_core.aws.retrying import DEFAULT_POLICY, RetryPolicy, retrying_async
from tailrace_core.errors import ConflictError
from tailrace_core.jobs.model import Chunk, ChunkState, Job, JobSettings, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.ledger.rules import Settlement
from tests.faults.load.virtual_time import Lock, VirtualTime, sleep
from tests.faults.memory_aws.dynamodb import DynamoDb

TABLE = "ledger"
JOB = "01ARZ3NDEKTSV4RRFFQ69G0001"
ROWS = 10
"""Rows of a chunk."""
BATCH = 10
AT_ONCE = 4
"""Messages of a batch that a function handles at once."""
WORK_S = 0.15
"""Time of a message before its settlement: reading the output, writing the part, publishing."""
TRANSACTION_S = 0.014
TRANSACTION_ITEM_S = 0.0005
"""Time for which a transaction holds its items: for itself, and for each of them."""
REFUSAL_S = 0.005
READ_S = 0.005
VISIBILITY_S = 720.0
FORMER_POLICY = RetryPolicy(max_conflict_tries=10, conflict_cap_s=30.0)
"""The retries before chunks were settled together: ten tries, up to five seconds apart."""


@dataclass
class ContendedTable:
    """DynamoDB in memory whose transactions take time and refuse each other."""

    time: VirtualTime
    dynamodb: DynamoDb
    conflicts: int = 0
    transactions: int = 0
    _held: set[Any] = field(default_factory=set)

    async def execute(self, call: Call) -> Any:
        if call.operation != "transact_write_items":
            await sleep(READ_S)
            return self._perform(call)
        parts = [request for part in call.params["TransactItems"] for request in part.values()]
        touched = {str(part.get("Key") or {name: part["Item"][name] for name in ("job", "item")}) for part in parts}
        self.transactions += 1
        if touched & self._held:
            self.conflicts += 1
            await sleep(REFUSAL_S)
            raise _refused(len(parts))
        self._held |= touched
        await sleep(TRANSACTION_S + TRANSACTION_ITEM_S * len(parts))
        self._held -= touched
        return self._perform(call)

    def _perform(self, call: Call) -> Any:
        try:
            return getattr(self.dynamodb, call.operation)(**call.params)
        except Exception as exc:
            raise translate_exception(exc, call.operation) from exc


def _refused(parts: int) -> Exception:
    reasons = [{"Code": "None"}] * (parts - 1) + [{"Code": "TransactionConflict"}]
    answer = {
        "Error": {"Code": "TransactionCanceledException", "Message": "met another transaction"},
        "ResponseMetadata": {"HTTPStatusCode": 400, "HTTPHeaders": {}},
        "CancellationReasons": reasons,
    }
    return translate_response(answer, "dynamodb.transact_write_items")


@dataclass(frozen=True)
class ContentionReport:
    """Figures of a run; times are virtual."""

    chunks: int
    functions: int
    seconds: float
    longest_wait_s: float
    """Longest time of a message from its first delivery to its settled chunk."""
    gave_up: int
    """Messages whose settlement gave up and waited for the queue's visibility timeout."""
    transactions: int
    conflicts: int

    @property
    def rate(self) -> float:
        """Settled chunks a second."""
        return self.chunks / self.seconds

    def __str__(self) -> str:
        return (
            f"{self.chunks} chunks, {self.functions} functions: {self.rate:.0f} settles a second, longest wait "
            f"{self.longest_wait_s:.1f} s, {self.gave_up} messages gave up, {self.transactions} transactions, "
            f"{self.conflicts} of them refused"
        )


class Contention:
    """Functions that take batches of messages from a queue until every chunk is settled."""

    def __init__(
        self, chunks: int, functions: int, *, together: bool, policy: RetryPolicy, window: int, seed: int
    ) -> None:
        self._time = VirtualTime()
        self._random = random.Random(seed)
        self._dynamodb = DynamoDb(TABLE, self._time.clock)
        self._table = ContendedTable(self._time, self._dynamodb)
        self._steps = DynamoSteps(TABLE)
        self._policy = policy
        self._together = together
        self._window = window
        self._functions = functions
        self._visible: deque[RowRange] = deque()
        self._hidden: list[tuple[float, RowRange]] = []
        self._first_seen: dict[RowRange, float] = {}
        self._settled: dict[RowRange, float] = {}
        self._chunks = chunks
        self._gave_up = 0

    def run(self) -> ContentionReport:
        self._submit()
        for _ in range(self._functions):
            self._time.schedule(self._function(), self._random.random() * WORK_S)
        self._time.run()
        job = run(self._steps.job(JOB), self._perform)
        assert job is not None
        assert job.complete, job
        return ContentionReport(
            chunks=self._chunks,
            functions=self._functions,
            seconds=max(self._settled.values()),
            longest_wait_s=max(at - self._first_seen[rows] for rows, at in self._settled.items()),
            gave_up=self._gave_up,
            transactions=self._table.transactions,
            conflicts=self._table.conflicts,
        )

    def _perform(self, call: Call) -> Any:
        return getattr(self._dynamodb, call.operation)(**call.params)

    def _submit(self) -> None:
        job = Job(job_id=JOB, state=JobState.SUBMITTING, created_at=0.0, deadline_at=86_400.0)
        run(self._steps.create_job(job, JobSettings(endpoint_name="e", window=self._window)), self._perform)
        ranges = [RowRange(number * ROWS, ROWS) for number in range(self._chunks)]
        flying = self._window or len(ranges)
        for start in range(0, len(ranges), 25):
            part = [
                Chunk(job_id=JOB, range=rows, due_at=300.0, attempt=int(number < flying), tries=int(number < flying))
                for number, rows in enumerate(ranges[start : start + 25], start)
            ]
            assert run(self._steps.open_chunks(part), self._perform)
        run(self._steps.seal(JOB, len(ranges) * ROWS), self._perform)
        self._visible.extend(ranges[:flying])

    async def _function(self) -> None:
        """Handle batches as one process of CollectResults does."""
        lock = Lock(self._time)

        async def serialized(call: Call) -> Any:
            if call.operation != "transact_write_items":
                return await self._table.execute(call)
            async with lock:
                return await self._table.execute(call)

        execute = retrying_async(serialized, policy=self._policy, sleep=sleep, jitter=self._random.random)
        while len(self._settled) < self._chunks:
            batch = self._receive()
            if batch:
                await self._handle(batch, execute)
            else:
                await sleep(0.1)

    def _receive(self) -> list[RowRange]:
        while self._hidden and self._hidden[0][0] <= self._time.now:
            self._visible.append(heapq.heappop(self._hidden)[1])
        batch = [self._visible.popleft() for _ in range(min(BATCH, len(self._visible)))]
        for rows in batch:
            self._first_seen.setdefault(rows, self._time.now)
        return batch

    async def _handle(self, batch: Sequence[RowRange], execute: Any) -> None:
        waiting = deque(batch)

        async def worker() -> None:
            while waiting:
                rows = waiting.popleft()
                await sleep(WORK_S * (0.5 + self._random.random()))
                if not self._together:
                    await self._settle([rows], execute)

        await self._time.all_of(worker() for _ in range(AT_ONCE))
        if self._together:
            await self._settle(batch, execute)
        await self._check(execute)

    async def _settle(self, ranges: Sequence[RowRange], execute: Any) -> None:
        ends = [Settlement(job_id=JOB, range=rows, state=ChunkState.SCORED) for rows in ranges]
        try:
            await run_async(self._steps.settle_all(ends), execute)
        except ConflictError:
            self._gave_up += len(ranges)
            for rows in ranges:
                heapq.heappush(self._hidden, (self._time.now + VISIBILITY_S, rows))
            return
        for rows in ranges:
            self._settled[rows] = self._time.now

    async def _check(self, execute: Any) -> None:
        """Read the job, and start waiting chunks that fit; the endpoint answers them at once."""
        job = await run_async(self._steps.job(JOB), execute)
        if not self._window or job is None:
            return
        claim: Steps[list[Chunk]] = self._steps.claim(job, self._window, self._time.now + 300.0)
        try:
            self._visible.extend(chunk.range for chunk in await run_async(claim, execute))
        except ConflictError:
            self._gave_up += 1


def contend(
    chunks: int,
    functions: int,
    *,
    together: bool = True,
    policy: RetryPolicy = DEFAULT_POLICY,
    window: int = 0,
    seed: int = 0,
) -> ContentionReport:
    """Simulate ``functions`` that settle ``chunks`` of one job, and return the figures."""
    return Contention(chunks, functions, together=together, policy=policy, window=window, seed=seed).run()
