"""A backlog: very many overdue chunks of one job, and the runs of the reconciler that work it off.

The reconciler runs every five minutes for three, over the ledger and the bucket in memory. Each
call takes virtual time: its share of the calls in progress at once, and at least the processor's.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tailrace_consumers.composition import Adapters, Composition
from tailrace_consumers.ports import StoredObject
from tailrace_consumers.reconcile_jobs.handler import RUN_LIMIT_S, assemble
from tailrace_consumers.reconcile_jobs.service import CONCURRENCY
from tailrace_consumers.settings import Settings
from tailrace_core.errors import AccessDeniedError
from tailrace_core.jobs.model import Chunk, Job, JobSettings, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.memory import MemoryLedger
from tailrace_core.objects import keys
from tests.fakes.consumer_ports import (
    BUCKET,
    MemoryInvoker,
    MemoryMeter,
    MemoryNotificationQueues,
    MemoryObjectStore,
    MemoryParkedQueue,
    MemoryPublisher,
    MemoryRetryQueue,
)

BIG, SMALL = "01ARZ3NDEKTSV4RRFFQ69G0001", "01ARZ3NDEKTSV4RRFFQ69G0002"
NOW = 1_700_000_000.0
EVERY_S = 300.0
"""Time between two runs."""
PROCESSOR_S = 0.004
"""Processor time of a call in a function of 1,024 MB; calls do not overlap in it."""
GET_S, UPDATE_S, TRANSACTION_S, HEAD_S, SEND_S, INVOKE_S = 0.005, 0.008, 0.02, 0.02, 0.01, 0.05
SMALL_CHUNKS = 100


class Timed:
    """A port whose methods take time."""

    def __init__(self, inner: Any, costs_s: Mapping[str, float], spend: Callable[[float], None]) -> None:
        self._inner = inner
        self._costs_s = costs_s
        self._spend = spend

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        cost_s = self._costs_s.get(name)
        if cost_s is None:
            return found

        def timed(*args: Any, **kwargs: Any) -> Any:
            self._spend(cost_s)
            return found(*args, **kwargs)

        return timed


@dataclass
class FailingStore(MemoryObjectStore):
    """A bucket that refuses to look up what belongs to the first ``failing`` rows."""

    failing: int = 0

    def head(self, key: str) -> StoredObject | None:
        name = key.rsplit("/", 1)[-1].partition(".")[0]
        if name.isdigit() and int(name) < self.failing:
            raise AccessDeniedError(f"{key}: 403")
        return super().head(key)


LEDGER_COSTS_S = {
    "job": GET_S,
    "chunk": GET_S,
    "settings": GET_S,
    "begin_attempt": UPDATE_S,
    "confirm": UPDATE_S,
    "postpone": UPDATE_S,
    "postpone_job": UPDATE_S,
    "postpone_failed": GET_S + UPDATE_S,
    "close": UPDATE_S,
    "settle": TRANSACTION_S,
    "settle_all": TRANSACTION_S,
}


@dataclass(frozen=True)
class BacklogReport:
    """Figures of a backlog; times are virtual."""

    chunks: int
    runs: int
    minutes: float
    """Time from the first run's start until every overdue chunk was checked."""
    small_minutes: float
    """The same for the chunks of a second job, which came due last."""
    expired_minutes: float
    """Time until a third job, past its deadline, was ended."""
    findings: Counter[str]

    def __str__(self) -> str:
        return (
            f"{self.chunks} overdue chunks: all checked after {self.minutes:.1f} minutes and {self.runs} runs, those "
            f"of a second job after {self.small_minutes:.1f}; a job past its deadline ended after "
            f"{self.expired_minutes:.1f}; {dict(self.findings)}"
        )


class Backlog:
    """A big job's overdue chunks: answered, not confirmed, given up or waiting, and some fail."""

    def __init__(self, chunks: int, failing: int) -> None:
        self.now = NOW
        self._chunks = chunks
        self._ledger = MemoryLedger()
        self._store = FailingStore(failing=failing)
        self._seen: dict[tuple[str, RowRange], float] = {}
        self._concurrency = CONCURRENCY
        self._ended: float | None = None
        for job_id, count, due_at in ((BIG, chunks, NOW - 3_600.0), (SMALL, SMALL_CHUNKS, NOW - 60.0)):
            self._add(job_id, count, due_at)
        self._add(_LATE, 1, NOW + 1e6)

    def run(self) -> BacklogReport:
        service = assemble(self._composition())
        findings: Counter[str] = Counter()
        runs = 0
        while len(self._seen) < self._chunks + SMALL_CHUNKS:
            began = self.now
            found, _ = service.run(RUN_LIMIT_S)
            findings.update({str(name): count for name, count in found.items()})
            runs += 1
            late = self._ledger.job(_LATE)
            if self._ended is None and late is not None and late.state is not JobState.RUNNING:
                self._ended = self.now
            self.now = max(self.now, began + EVERY_S)
        small = max(at for (job_id, _), at in self._seen.items() if job_id == SMALL)
        assert self._ended is not None
        return BacklogReport(
            chunks=self._chunks,
            runs=runs,
            minutes=(max(self._seen.values()) - NOW) / 60,
            small_minutes=(small - NOW) / 60,
            expired_minutes=(self._ended - NOW) / 60,
            findings=findings,
        )

    def _spend(self, seconds: float) -> None:
        self.now += max(seconds / self._concurrency, PROCESSOR_S)

    def _composition(self) -> Composition:
        ledger: Any = Timed(self._ledger, LEDGER_COSTS_S, self._spend)
        ledger.chunk = self._chunk
        store: Any = Timed(self._store, {"head": HEAD_S, "put": HEAD_S, "put_manifest": HEAD_S}, self._spend)
        sending = {"send": SEND_S, "publish": SEND_S}
        adapters: dict[str, Any] = {
            "ledger": ledger,
            "store": store,
            "publisher": Timed(MemoryPublisher(), sending, self._spend),
            "retries": Timed(MemoryRetryQueue(), sending, self._spend),
            "parked": Timed(MemoryParkedQueue(), sending, self._spend),
            "notifications": Timed(MemoryNotificationQueues(), sending, self._spend),
            "invoker": Timed(MemoryInvoker(), {"invoke": INVOKE_S}, self._spend),
        }
        settings = Settings(
            bucket=BUCKET,
            ledger_table="ledger",
            results_topic="results",
            retries_queue="retries",
            parked_queue="parked",
            endpoint_name="e",
        )
        return Composition(settings, Adapters(**adapters, meter=MemoryMeter(), clock=lambda: self.now))

    def _chunk(self, job_id: str, rows: RowRange) -> Chunk | None:
        self._spend(GET_S)
        self._seen.setdefault((job_id, rows), self.now)
        return self._ledger.chunk(job_id, rows)

    def _add(self, job_id: str, count: int, due_at: float) -> None:
        created_at = NOW - 40_000.0
        deadline_at = NOW - 1.0 if job_id == _LATE else NOW + 86_400.0
        job = Job(job_id=job_id, state=JobState.SUBMITTING, created_at=created_at, deadline_at=deadline_at)
        assert self._ledger.create_job(job, JobSettings(endpoint_name="e"))
        for row in range(count):
            self._add_chunk(job_id, row, due_at + row / count)
        self._ledger.seal(job_id, count)

    def _add_chunk(self, job_id: str, row: int, due_at: float) -> None:
        chunk = Chunk(job_id=job_id, range=RowRange(row, 1), due_at=due_at)
        self._ledger.open_chunk(chunk)
        kind = row % 4
        if kind == 0:
            return  # not confirmed: the next attempt is made
        output = f"{keys.OUTPUTS}{row}.out"
        if kind == 1 and row >= self._store.failing:
            self._store.put(output, b"1\n")
        invoked_at = NOW - (30_000.0 if kind == 2 else 4_000.0)
        located = dataclasses.replace(
            chunk, output_location=f"s3://{BUCKET}/{output}", failure_location=f"s3://{BUCKET}/{keys.FAILURES}x"
        )
        self._ledger.confirm(dataclasses.replace(located, invoked_at=invoked_at))


_LATE = "01ARZ3NDEKTSV4RRFFQ69G0003"


def work_off(chunks: int, *, failing: int = 600) -> BacklogReport:
    """Simulate the reconciler's runs until every overdue chunk was checked; return the figures."""
    return Backlog(chunks, failing).run()
