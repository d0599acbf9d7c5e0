"""The chunks of a batch are settled together, job by job; each message keeps its own outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tailrace_consumers.collect_results.handler import process_event
from tailrace_consumers.outcomes import Outcome
from tailrace_consumers.runtime.grouped_settling import GroupedSettling, PendingSettlement
from tailrace_core.errors import ConflictError, TransientError
from tailrace_core.jobs.model import ChunkState, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.memory import MemoryLedger
from tailrace_core.ledger.rules import Settlement, SettleOutcome
from tailrace_core.messages.notifications import Notification
from tests.unit.consumers.bench import JOB_ID, Bench

OUTCOMES = {SettleOutcome.SETTLED: Outcome.SCORED, SettleOutcome.ALREADY: Outcome.STALE}


class RecordingLedger(MemoryLedger):
    """A ledger in which every chunk is settled but those at row 7; ``failing`` jobs conflict."""

    def __init__(self, failing: str = "") -> None:
        super().__init__()
        self.groups: list[list[tuple[str, int]]] = []
        self._failing = failing

    def settle_all(self, ends: Sequence[Settlement]) -> list[SettleOutcome]:
        self.groups.append([(end.job_id, end.range.first_row) for end in ends])
        if ends[0].job_id == self._failing:
            raise ConflictError("others were faster")
        return [SettleOutcome.ALREADY if end.range.first_row == 7 else SettleOutcome.SETTLED for end in ends]


class CountingLedger(MemoryLedger):
    """A ledger that notes how many chunks are settled together."""

    def __init__(self) -> None:
        super().__init__()
        self.settled: list[int] = []

    def settle_all(self, ends: Sequence[Settlement]) -> list[SettleOutcome]:
        self.settled.append(len(ends))
        return super().settle_all(ends)


def pending(job_id: str, row: int, error: Exception | None = None) -> PendingSettlement:
    def conclude(settled: SettleOutcome) -> Outcome:
        if error is not None:
            raise error
        return OUTCOMES[settled]

    return PendingSettlement(Settlement(job_id=job_id, range=RowRange(row, 1), state=ChunkState.SCORED), conclude)


def flush(ledger: RecordingLedger, *added: PendingSettlement) -> tuple[set[str], dict[str, Outcome], dict[str, str]]:
    settling = GroupedSettling(ledger)
    outcomes, errors = dict[str, Outcome](), dict[str, str]()
    for number, each in enumerate(added):
        settling.add(f"m{number}", each)
    failed = settling.flush(outcomes.__setitem__, lambda message, exc: errors.update({message: str(exc)}))
    assert settling.flush(outcomes.__setitem__, lambda *_: None) == set()
    return failed, outcomes, errors


def test_the_chunks_of_a_job_are_settled_in_one_call() -> None:
    ledger = RecordingLedger()
    failed, outcomes, _ = flush(ledger, pending("a", 0), pending("b", 1), pending("a", 7), pending("a", 2))
    assert ledger.groups == [[("b", 1)], [("a", 0), ("a", 7), ("a", 2)]]
    assert outcomes == dict(zip(("m0", "m1", "m2", "m3"), map(Outcome, ("ChunksScored",) * 4), strict=True)) | {
        "m2": Outcome.STALE
    }
    assert not failed


def test_a_job_with_few_chunks_is_settled_and_ended_before_a_large_one_is_settled() -> None:
    ledger = RecordingLedger()
    settling = GroupedSettling(ledger)
    for number, job_id in enumerate(("large", "small", "large", "large")):
        settling.add(f"m{number}", pending(job_id, number))
    seen: list[str] = []
    settling.flush(
        lambda message, _: seen.append(message), lambda *_: None, between=lambda: seen.append("due jobs end")
    )
    assert seen == ["m1", "due jobs end", "m0", "m2", "m3"]


def test_the_messages_of_a_job_that_could_not_be_settled_fail_and_no_others() -> None:
    failed, outcomes, errors = flush(RecordingLedger("a"), pending("a", 0), pending("b", 1), pending("a", 2))
    assert failed == set(errors) == {"m0", "m2"}
    assert outcomes == {"m1": Outcome.SCORED}


def test_a_message_that_fails_after_its_chunk_is_settled_fails_alone() -> None:
    failed, outcomes, errors = flush(RecordingLedger(), pending("a", 0, TransientError("gone")), pending("a", 1))
    assert (failed, set(outcomes)) == ({"m0"}, {"m1"})
    assert errors == {"m0": "gone"}


@pytest.fixture(autouse=True)
def _namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Tailrace")


def event_of(*messages: Notification) -> dict[str, Any]:
    bodies = (message.model_dump_json(by_alias=True, exclude_none=True) for message in messages)
    return {"Records": [{"messageId": f"m{at}", "body": body} for at, body in enumerate(bodies)]}


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_batch_makes_one_transaction_for_each_job(concurrency: int) -> None:
    ledger = CountingLedger()
    bench = Bench(ledger)
    bench.add_job()
    chunks = [bench.add_chunk(row, [b"1"]) for row in range(5)]
    bench.ledger.seal(JOB_ID, 5)
    messages = [bench.answer(chunk, b"5\n") for chunk in chunks]
    answer = process_event(event_of(*messages, messages[0]), bench.composition, concurrency=concurrency)
    assert answer == {"batchItemFailures": []}
    assert ledger.settled == [6]
    assert bench.job().state is JobState.COMPLETED
    assert bench.job().rows_scored == 5


def test_results_of_a_job_that_closes_during_a_batch_are_cancelled() -> None:
    bench = Bench()
    bench.add_job()
    chunks = [bench.add_chunk(row, [b"1"]) for row in range(2)]
    bench.ledger.seal(JOB_ID, 2)
    publish = bench.publisher.publish

    def close_then_publish(event: Any) -> None:
        bench.ledger.close(JOB_ID, JobState.CANCELLED, "enough")
        publish(event)

    bench.publisher.publish = close_then_publish  # type: ignore[method-assign]  # a user cancels meanwhile
    process_event(event_of(*(bench.answer(chunk, b"5\n") for chunk in chunks)), bench.composition, concurrency=1)
    assert bench.job().state is JobState.CANCELLED
    assert {chunk.state for chunk in bench.leaves()} == {ChunkState.CANCELLED}
