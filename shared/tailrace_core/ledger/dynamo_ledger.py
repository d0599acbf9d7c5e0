"""The ledger in DynamoDB for synchronous callers: `DynamoSteps` with an executor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from tailrace_core.aws.calls import Call, Steps, run
from tailrace_core.jobs.description import JobDescription
from tailrace_core.jobs.history import HistoryEntry
from tailrace_core.jobs.model import Chunk, Job, JobSettings, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger import items
from tailrace_core.ledger.due_items import DueItem
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.ledger.port import JobKey
from tailrace_core.ledger.rules import OpenOutcome, Settlement, SettleOutcome

T = TypeVar("T")


class DynamoLedger:
    """The DynamoDB adapter of `tailrace_core.ledger.port.Ledger`.

    ``execute`` carries out one call and raises errors of the `TailraceError` tree.
    """

    def __init__(self, steps: DynamoSteps, execute: Callable[[Call], Any]) -> None:
        self._steps = steps
        self._execute = execute

    def _run(self, steps: Steps[T]) -> T:
        return run(steps, self._execute)

    def create_job(
        self, job: Job, settings: JobSettings, key: JobKey | None = None, description: JobDescription | None = None
    ) -> bool:
        return self._run(self._steps.create_job(job, settings, key, description))

    def find_job_key(self, key: str) -> tuple[str, str] | None:
        return self._run(self._steps.find_job_key(key))

    def job(self, job_id: str) -> Job | None:
        return self._run(self._steps.job(job_id))

    def settings(self, job_id: str) -> JobSettings | None:
        return self._run(self._steps.settings(job_id))

    def description(self, job_id: str) -> JobDescription:
        return self._run(self._steps.description(job_id))

    def note(self, job_id: str, name: str) -> str | None:
        return self._run(self._steps.note(job_id, name))

    def write_note(self, job: Job, name: str, text: str) -> str:
        return self._run(self._steps.write_note(job, name, text))

    def chunk(self, job_id: str, rows: RowRange) -> Chunk | None:
        return self._run(self._steps.chunk(job_id, rows))

    def chunks_with_jobs(self, wanted: Sequence[tuple[str, RowRange]]) -> list[tuple[Chunk, Job] | None]:
        return self._run(self._steps.chunks_with_jobs(wanted))

    def chunks(self, job_id: str) -> Iterator[Chunk]:
        page, after = self._run(self._steps.chunks_page(job_id))
        yield from page
        while after:
            page, after = self._run(self._steps.chunks_page(job_id, after))
            yield from page

    def jobs(self, limit: int) -> list[Job]:
        return self._run(self._steps.jobs(limit))

    def open_chunk(self, chunk: Chunk) -> OpenOutcome:
        return self._run(self._steps.open_chunk(chunk))

    def open_out_of_order(self, job: Job, chunks: Sequence[Chunk], window: int = 0) -> bool:
        return self._run(self._steps.open_out_of_order(job, chunks, window))

    def add_rejected(self, chunk: Chunk) -> OpenOutcome:
        return self._run(self._steps.add_rejected(chunk))

    def add_cancelled(self, chunk: Chunk) -> OpenOutcome:
        return self._run(self._steps.add_cancelled(chunk))

    def begin_attempt(self, chunk: Chunk, entry: HistoryEntry | None = None) -> bool:
        return self._run(self._steps.begin_attempt(chunk, entry))

    def claim(self, job: Job, window: int, due_at: float) -> list[Chunk]:
        return self._run(self._steps.claim(job, window, due_at))

    def confirm(self, chunk: Chunk) -> bool:
        return self._run(self._steps.confirm(chunk))

    def confirm_all(self, chunks: Sequence[Chunk]) -> list[bool]:
        return self._run(self._steps.confirm_all(chunks))

    def postpone(self, chunk: Chunk, entry: HistoryEntry | None = None) -> bool:
        return self._run(self._steps.postpone(chunk, entry))

    def park(self, chunk: Chunk, entry: HistoryEntry | None = None) -> bool:
        return self._run(self._steps.park(chunk, entry))

    def add_history(self, job_id: str, rows: RowRange | None, entry: HistoryEntry) -> bool:
        return self._run(self._steps.add_history(job_id, rows, entry))

    def attention(self, limit: int) -> list[DueItem]:
        return self._run(self._steps.attention(limit))

    def chunks_of(self, wanted: Sequence[tuple[str, RowRange]]) -> list[Chunk]:
        return self._run(self._steps.chunks_of(wanted))

    def jobs_of(self, job_ids: Sequence[str]) -> list[Job]:
        return self._run(self._steps.jobs_of(job_ids))

    def mark_answered(self, job_id: str, rows: RowRange) -> bool:
        return self._run(self._steps.mark_answered(job_id, rows))

    def mark_all_answered(self, chunks: Sequence[tuple[str, RowRange]]) -> list[bool]:
        return self._run(self._steps.mark_all_answered(chunks))

    def settle(self, end: Settlement) -> SettleOutcome:
        return self._run(self._steps.settle(end))

    def settle_all(self, ends: Sequence[Settlement]) -> list[SettleOutcome]:
        return self._run(self._steps.settle_all(ends))

    def split(
        self, parent: Chunk, left: Chunk, right: Chunk, *, window: int = 0, entry: HistoryEntry | None = None
    ) -> SettleOutcome:
        return self._run(self._steps.split(parent, left, right, window=window, entry=entry))

    def record_probe(self, job: Job, following: Job) -> bool:
        return self._run(self._steps.record_probe(job, following))

    def record_control(self, job_id: str, number: int, *, scored: bool) -> bool:
        return self._run(self._steps.record_control(job_id, number, scored=scored))

    def seal(self, job_id: str, rows_total: int) -> bool:
        return self._run(self._steps.seal(job_id, rows_total))

    def close(self, job_id: str, outcome: JobState, reason: str, entry: HistoryEntry | None = None) -> bool:
        return self._run(self._steps.close(job_id, outcome, reason, entry))

    def start_finishing(self, job_id: str, now: float) -> Job | None:
        return self._run(self._steps.start_finishing(job_id, now))

    def finish(self, job_id: str) -> bool:
        return self._run(self._steps.finish(job_id))

    def overdue(self, before: float, limit: int) -> Iterator[DueItem]:
        for shard in range(items.SHARDS):
            after, chunks = None, Counter[str]()
            while True:
                page, after = self._run(self._steps.overdue_page(shard, before, after))
                for due in page:
                    chunks[due.job_id] += due.range is not None
                    if due.range is None or chunks[due.job_id] <= limit:
                        yield due
                if not after:
                    break

    def postpone_job(self, job_id: str, due_at: float) -> bool:
        return self._run(self._steps.postpone_job(job_id, due_at))

    def postpone_failed(self, due: DueItem, now: float) -> bool:
        return self._run(self._steps.postpone_failed(due, now))
