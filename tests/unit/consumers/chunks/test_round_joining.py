"""Joining rounds: which one a chunk joins, and who asks for its start."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tailrace_consumers.chunks.round_joining import RoundJoining
from tailrace_core.engines import Engine
from tailrace_core.errors import ConfigurationError, PermanentError
from tailrace_core.jobs.model import Chunk, Job, JobSettings, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.memory import MemoryLedger
from tailrace_core.messages.rounds import RoundDue
from tailrace_core.transforms import notes, rounds
from tests.fakes.consumer_ports import MemoryInvoker
from tests.unit.core.strategies import JOB as JOB_ID

SETTINGS = JobSettings(endpoint_name="demand", engine=Engine.TRANSFORM)
JOB = Job(job_id=JOB_ID, state=JobState.RUNNING, created_at=0.0, deadline_at=9e9, rows_total=9)


@dataclass
class MemoryRoundQueue:
    sent: list[RoundDue] = field(default_factory=list)

    def send(self, message: RoundDue, delay_s: int) -> None:
        assert 0 <= delay_s <= 900
        self.sent.append(message)


@dataclass
class Bench:
    """One job's rounds in a ledger in memory."""

    closed: int = 0
    engine: str | None = None

    def __post_init__(self) -> None:
        self.ledger, self.queue, self.endpoint = MemoryLedger(), MemoryRoundQueue(), MemoryInvoker()
        self.ledger.create_job(JOB, SETTINGS)
        self.joining = self.new_process()
        for number in range(self.closed):
            engine = self.engine if number == self.closed - 1 else None
            self.close(number, engine)

    def new_process(self) -> RoundJoining:
        return RoundJoining(self.endpoint, ledger=self.ledger, queue=self.queue, bucket="bucket")

    def close(self, number: int, engine: str | None = None) -> None:
        text = notes.ClosedRound(number, 1.0, engine).to_json()
        self.ledger.write_note(JOB, notes.closed_note(number), text)

    def join(self, first_row: int = 0, *, attempt: int = 1) -> int | None:
        chunk = Chunk(job_id=JOB_ID, range=RowRange(first_row, 1), attempt=attempt)
        return rounds.round_of(self.joining.invoke(chunk, SETTINGS).output_location)


def test_a_chunk_joins_the_first_round_that_is_not_closed() -> None:
    bench = Bench(closed=2)
    assert bench.join() == 2
    bench.close(2)
    assert bench.join() == 3


def test_the_first_to_join_asks_for_the_round_and_nobody_else_does() -> None:
    bench = Bench(closed=1)
    for row in range(3):
        bench.join(row)
    bench.joining = bench.new_process()
    bench.join(3)
    assert len(bench.queue.sent) == 1
    bench.close(1)
    bench.join(4)
    assert len(bench.queue.sent) == 2


def test_the_seal_asks_for_the_first_round() -> None:
    bench = Bench()
    assert bench.join() == 0
    assert not bench.queue.sent


def test_a_control_is_noted_for_the_round_that_it_joins() -> None:
    bench = Bench(closed=1)
    bench.join(5, attempt=900_001)
    text = bench.ledger.note(JOB_ID, notes.control_note(1))
    assert text is not None
    assert notes.parse_control(text) == (RowRange(5, 1), 900_001)
    assert len(bench.queue.sent) == 1


def test_what_comes_after_the_endpoint_took_over_goes_there() -> None:
    bench = Bench(closed=2, engine=Engine.ASYNC)
    assert bench.join() is None
    assert len(bench.endpoint.invoked) == 1


def test_a_job_with_too_many_rounds_is_refused() -> None:
    bench = Bench(closed=rounds.MAX_ROUNDS)
    with pytest.raises(PermanentError, match="200 rounds"):
        bench.join()


def test_a_stack_without_transform_jobs_says_so() -> None:
    bench = Bench()
    bench.joining = RoundJoining(bench.endpoint, ledger=bench.ledger, queue=None, bucket="bucket")
    with pytest.raises(ConfigurationError, match="BatchTransform=true"):
        bench.join()


def test_jobs_of_other_engines_go_to_their_endpoint() -> None:
    bench = Bench()
    chunk = Chunk(job_id=JOB_ID, range=RowRange(0, 1))
    bench.joining.invoke(chunk, JobSettings(endpoint_name="demand"))
    assert bench.endpoint.invoked == [chunk]
