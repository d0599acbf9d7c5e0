"""The chunks of a batch are settled together, job by job; each message keeps its own outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tailrace_consumers.collect_results.handler import process_event
from tailrace_consumers.outcomes import Outcome
from tailrace_consumers.runtime.grouped_settling import GroupedSettling, PendingSettlement
from tailrace_core.errors import ConflictError, TailraceError, TransientError
from tailrace_core.jobs.model import Chunk, ChunkState, Job, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.memory import MemoryLedger
from tailrace_core.ledger.rules import Settlement, SettleOutcome
from tailrace_core.messages.events import JobFinished, PartReady
from tailrace_core.messages.notifications import Notification
from tests.fakes.consumer_ports import MemoryPublisher
from tests.unit.consumers.bench import JOB_ID, Bench

OUTCOMES = {SettleOutcome.SETTLED: Outcome.SCORED, SettleOutcome.ALREADY: Outcome.STALE}


class RecordingLedger(MemoryLedger):
    """A ledger whose chunks are all open but that at row 5, and settle but that at row 7.

    The marks or the settlements of ``failing`` jobs conflict.
    """

    def __init__(self, failing: str = "", *, failing_marks: str = "") -> None:
        super().__init__()
        self.steps: list[str] = []
        self.groups: list[list[tuple[str, int]]] = []
        self._failing = failing
        self._failing_marks = failing_marks

    def mark_all_answered(self, chunks: Sequence[tuple[str, RowRange]]) -> list[bool]:
        self.steps.append(f"mark {len(chunks)}")
        if self._failing_marks in {job_id for job_id, _ in chunks}:
            raise ConflictError("others were faster")
        return [rows.first_row != 5 for _, rows in chunks]

    def settle_all(self, ends: Sequence[Settlement]) -> list[SettleOutcome]:
        self.steps.append(f"settle {len(ends)}")
        self.groups.append([(end.job_id, end.range.first_row) for end in ends])
        if ends[0].job_id == self._failing:
            raise ConflictError("others were faster")
        return [SettleOutcome.ALREADY if end.range.first_row == 7 else SettleOutcome.SETTLED for end in ends]


class RecordingPublisher(MemoryPublisher):
    """A publisher that refuses the part at row 9; ``steps`` are those of the ledger."""

    def __init__(self, steps: list[str]) -> None:
        super().__init__()
        self._steps = steps

    def publish_all(self, events: Sequence[PartReady]) -> list[TailraceError | None]:
        self._steps.append(f"publish {len(events)}")
        return super().publish_all(events)

    def publish(self, event: PartReady | JobFinished) -> None:
        if isinstance(event, PartReady) and event.first_row == 9:
            raise TransientError("the topic does not answer")
        super().publish(event)


class CountingLedger(MemoryLedger):
    """A ledger that notes how many chunks are read and settled together."""

    def __init__(self) -> None:
        super().__init__()
        self.settled: list[int] = []
        self.read: list[int] = []

    def chunks_with_jobs(self, wanted: Sequence[tuple[str, RowRange]]) -> list[tuple[Chunk, Job] | None]:
        self.read.append(len(wanted))
        return super().chunks_with_jobs(wanted)

    def settle_all(self, ends: Sequence[Settlement]) -> list[SettleOutcome]:
        self.settled.append(len(ends))
        return super().settle_all(ends)


def pending(job_id: str, row: int, error: Exception | None = None) -> PendingSettlement:
    def conclude(settled: SettleOutcome) -> Outcome:
        if error is not None:
            raise error
        return OUTCOMES[settled]

    event = PartReady(
        event_id=f"{job_id}.{row}", job_id=job_id, endpoint="demand", first_row=row, rows=1, rejected=0,
        location="s3://b/k", size_bytes=1, checksum="crc32:00000000", columns=("p",),
    )  # fmt: skip
    settlement = Settlement(job_id=job_id, range=RowRange(row, 1), state=ChunkState.SCORED)
    return PendingSettlement(settlement, event, conclude)


def flush(ledger: RecordingLedger, *added: PendingSettlement) -> tuple[set[str], dict[str, Outcome], dict[str, str]]:
    settling = GroupedSettling(ledger, RecordingPublisher(ledger.steps))
    outcomes, errors = dict[str, Outcome](), dict[str, str]()
    for number, each in enumerate(added):
        settling.add(f"m{number}", each)
    failed = settling.flush(outcomes.__setitem__, lambda message, exc: errors.update({message: str(exc)}))
    made = list(ledger.steps)
    assert settling.flush(outcomes.__setitem__, lambda *_: None) == set()
    assert ledger.steps == made
    return failed, outcomes, errors


def test_the_chunks_of_a_job_are_settled_in_one_call() -> None:
    ledger = RecordingLedger()
    failed, outcomes, _ = flush(ledger, pending("a", 0), pending("b", 1), pending("a", 7), pending("a", 2))
    assert ledger.groups == [[("b", 1)], [("a", 0), ("a", 7), ("a", 2)]]
    assert outcomes == dict(zip(("m0", "m1", "m2", "m3"), map(Outcome, ("ChunksScored",) * 4), strict=True)) | {
        "m2": Outcome.STALE
    }
    assert not failed


def test_all_chunks_are_marked_then_all_parts_are_published_then_each_job_is_settled() -> None:
    ledger = RecordingLedger()
    flush(ledger, pending("a", 0), pending("b", 1), pending("a", 2))
    assert ledger.steps == ["mark 3", "publish 3", "settle 1", "settle 2"]


def test_a_chunk_that_is_open_no_more_is_not_published_and_not_settled() -> None:
    ledger = RecordingLedger()
    failed, outcomes, _ = flush(ledger, pending("a", 5), pending("a", 0))
    assert ledger.steps == ["mark 2", "publish 1", "settle 1"]
    assert (failed, outcomes) == (set(), {"m0": Outcome.STALE, "m1": Outcome.SCORED})


def test_a_chunk_whose_part_is_not_published_is_not_settled_and_its_message_fails_alone() -> None:
    ledger = RecordingLedger()
    failed, outcomes, errors = flush(ledger, pending("a", 0), pending("a", 9), pending("b", 9), pending("b", 1))
    assert ledger.groups == [[("a", 0)], [("b", 1)]]
    assert failed == set(errors) == {"m1", "m2"}
    assert outcomes == {"m0": Outcome.SCORED, "m3": Outcome.SCORED}


def test_two_messages_of_one_chunk_publish_its_part_once() -> None:
    ledger = RecordingLedger()
    failed, outcomes, _ = flush(ledger, pending("a", 0), pending("a", 0))
    assert ledger.steps == ["mark 2", "publish 1", "settle 2"]
    assert (failed, len(outcomes)) == (set(), 2)


def test_nothing_is_published_when_no_chunk_can_be_marked() -> None:
    ledger = RecordingLedger(failing_marks="a")
    failed, outcomes, _ = flush(ledger, pending("a", 0), pending("b", 0))
    assert ledger.steps == ["mark 2"]
    assert (failed, outcomes) == ({"m0", "m1"}, {})


def test_a_job_with_few_chunks_is_settled_and_ended_before_a_large_one_is_settled() -> None:
    ledger = RecordingLedger()
    settling = GroupedSettling(ledger, MemoryPublisher())
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
def test_a_batch_makes_one_read_and_one_transaction_for_each_job(concurrency: int) -> None:
    ledger = CountingLedger()
    bench = Bench(ledger)
    bench.add_job()
    chunks = [bench.add_chunk(row, [b"1"]) for row in range(5)]
    bench.ledger.seal(JOB_ID, 5)
    messages = [bench.answer(chunk, b"5\n") for chunk in chunks]
    answer = process_event(event_of(*messages, messages[0]), bench.composition, concurrency=concurrency)
    assert answer == {"batchItemFailures": []}
    assert (ledger.read, ledger.settled) == ([5], [6])
    assert bench.job().state is JobState.COMPLETED
    assert bench.job().rows_scored == 5


def test_what_cannot_be_read_together_is_read_message_by_message() -> None:
    class Refusing(CountingLedger):
        def chunks_with_jobs(self, wanted: Sequence[tuple[str, RowRange]]) -> list[tuple[Chunk, Job] | None]:
            if len(wanted) > 1:
                raise TransientError("no answer")
            return super().chunks_with_jobs(wanted)

    ledger = Refusing()
    bench = Bench(ledger)
    bench.add_job()
    chunks = [bench.add_chunk(row, [b"1"]) for row in range(3)]
    event = event_of(*(bench.answer(chunk, b"5\n") for chunk in chunks))
    event["Records"].append({"messageId": "nonsense", "body": "no JSON"})
    answer = process_event(event, bench.composition, concurrency=1)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "nonsense"}]}
    assert (ledger.read, bench.job().rows_scored) == ([1, 1, 1], 3)


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
