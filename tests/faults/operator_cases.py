"""Operator cases: redrive, correct or discard chunks and dead letters, repeated after faults."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass

from tailrace.client import Tailrace
from tailrace.operations.parked import ParkedChunkId, ParkedStatus
from tailrace_core.errors import TransientError
from tailrace_core.jobs.model import Chunk
from tailrace_core.submission.options import SubmitOptions
from tests.faults.checker import check
from tests.faults.dataset import Dataset
from tests.faults.injection import Crash, Schedule
from tests.faults.memory_aws import cloud as names
from tests.faults.parked_simulation import parked_simulation
from tests.faults.simulation import Simulation

OPERATOR = "operator"
_TRIES = 6
_HIDDEN_S = 700
"""Longer than any visibility timeout."""

Action = Callable[[Tailrace, str, list[Chunk]], None]


@dataclass(frozen=True)
class ParkedCase:
    """An operator's action on parked chunks, and the expected result."""

    action: Action
    expected: Dataset
    before: Dataset
    redrives: int = 1

    def run(self, schedule: Schedule) -> Simulation:
        """Park the chunks, fix the endpoint, let the operator act until it succeeds, and check."""
        sim, job_id, chunks = parked_simulation(self.before, schedule)
        sim.endpoint.down = False
        retry_until_done(sim, lambda client: self.action(client, job_id, chunks))
        sim.drain()
        self._check(sim, job_id, chunks)
        return sim

    def _check(self, sim: Simulation, job_id: str, chunks: list[Chunk]) -> None:
        corrected = self.expected.rows != self.before.rows and not self.expected.rejected
        if not corrected:
            check(sim, job_id, self.expected)
        assert sim.job(job_id).state is self.expected.final_state
        for chunk in chunks:
            found = sim.ledger.chunk(job_id, chunk.range)
            assert found is not None
            assert found.redrives == self.redrives
            assert found.attempt == chunk.attempt + self.redrives
            made = [each for each in sim.endpoint.accepted if each.inference_id == str(found.inference_id)]
            assert len(made) == 1 or self.redrives == 0
        stored = sim.cloud.s3.objects
        body = b"".join(stored[key].body for key in sorted(stored) if f"{job_id}/parts/" in key)
        assert body == self.expected.result.partition(b"\n")[2]
        self._check_queue(sim)

    @staticmethod
    def _check_queue(sim: Simulation) -> None:
        sim.cloud.clock.advance(_HIDDEN_S)
        with sim.reader() as client:
            for done in client.operations.redriving.redrive_all(confirmed=True).chunks:
                assert done.parked.status.stale
        assert not sim.cloud.queue(names.PARKED).messages


@dataclass(frozen=True)
class DeadLetterCase:
    """Dead letters of a function, on which a job waits; the operator redrives them."""

    queue: str
    data: Dataset

    def run(self, schedule: Schedule) -> Simulation:
        """Dead-letter the messages, let the operator redrive until it succeeds, and check."""
        sim = Simulation(schedule)
        options = SubmitOptions(keep="id", chunk_rows=1, job_key="k")
        job_id = sim.submit_until_done(self.data.text, options, meanwhile=False)
        sent = self._let_die(sim)
        retry_until_done(sim, self._redrive)
        self._check(sim, job_id, sent)
        return sim

    def _let_die(self, sim: Simulation) -> int:
        sim.endpoint.down = self.queue == names.RETRIES
        while sim.endpoint.backlog:
            sim.endpoint.process()
        if sim.endpoint.down:
            sim.functions.deliver("handle_failures")
            sim.endpoint.down = False
        queue = sim.cloud.queue(self.queue)
        assert queue.messages
        assert queue.dead_letters is not None
        queue.dead_letters.messages.update(queue.messages)
        for message in queue.dead_letters.messages.values():
            message.visible_at = sim.cloud.clock()
        queue.messages.clear()
        return queue.sent

    def _redrive(self, client: Tailrace) -> None:
        for _done in client.operations.dead_letters.redrive(self.queue):
            pass
        if client.operations.dead_letters.left(self.queue):
            raise TransientError("the command asked to be repeated")

    def _check(self, sim: Simulation, job_id: str, sent: int) -> None:
        messages = [each.attributes for each in sim.cloud.queue(self.queue).messages.values()]
        said = [json.loads(each["tailrace-redriven"]["StringValue"]) for each in messages]
        assert all(each["from"] == f"{self.queue}-dead" and each["times"] >= 1 for each in said)
        sim.drain()
        check(sim, job_id, self.data)
        assert sim.cloud.queue(self.queue).sent >= 2 * sent, "each was sent again"


def retry_until_done(sim: Simulation, act: Callable[[Tailrace], None]) -> None:
    """Let the operator act until it succeeds, with a new command each time."""
    for _ in range(_TRIES):
        _, client = sim.producer(OPERATOR)
        try:
            act(client)
        except (Crash, TransientError):
            # Wait until the messages that the command held are visible again; the functions run
            # meanwhile.
            sim.pump()
            sim.cloud.clock.advance(_HIDDEN_S)
        else:
            return
    raise AssertionError("the operator never succeeds")


def _redrive_all(client: Tailrace, job_id: str, _: list[Chunk]) -> None:
    for _done in client.operations.redriving.redrive_all(job_id, confirmed=True).chunks:
        pass


def _redrive_queue(client: Tailrace, _: str, __: list[Chunk]) -> None:
    found = client.operations.redriving.redrive_all(confirmed=True)
    for _done in found.chunks:
        pass
    if not found.complete:
        raise TransientError("the command asked to be repeated")


def _each(client: Tailrace, job_id: str, chunks: list[Chunk], act: Callable[[ParkedChunkId], object]) -> None:
    for chunk in chunks:
        name = ParkedChunkId(job_id, chunk.range)
        if client.operations.parked.find(name).status is ParkedStatus.PARKED:
            act(name)


def _redrive_each(client: Tailrace, job_id: str, chunks: list[Chunk]) -> None:
    _each(client, job_id, chunks, client.operations.redriving.redrive)


def _correct_each(client: Tailrace, job_id: str, chunks: list[Chunk]) -> None:
    def correct(name: ParkedChunkId) -> None:
        rows = client.operations.parked.input(client.operations.parked.find(name))
        client.operations.redriving.redrive(name, edit=rows.replace(b"fatal", b"7"))

    _each(client, job_id, chunks, correct)


def _discard_each(client: Tailrace, job_id: str, chunks: list[Chunk]) -> None:
    _each(client, job_id, chunks, lambda name: client.operations.redriving.discard(name, "not worth it"))


def build_cases(good: Dataset, fatal: Dataset, corrected_rows: Dataset) -> dict[str, ParkedCase | DeadLetterCase]:
    """Build every operator case over inputs of one size: good, fatal and corrected rows."""
    discarded = Dataset(tuple(dataclasses.replace(row, refused=True) for row in good.rows))
    return {
        "all of a job": ParkedCase(_redrive_all, good, good),
        "all of the queue": ParkedCase(_redrive_queue, good, good),
        "one by one": ParkedCase(_redrive_each, good, good),
        "corrected": ParkedCase(_correct_each, corrected_rows, fatal),
        "discarded": ParkedCase(_discard_each, discarded, good, redrives=0),
        "dead successes": DeadLetterCase(names.SUCCEEDED, good),
        "dead failures": DeadLetterCase(names.FAILED, Dataset.of(b"poison")),
        "dead retries": DeadLetterCase(names.RETRIES, good),
    }


SEVERAL = build_cases(Dataset.of(b"1", b"2", b"3"), Dataset.of(b"1", b"fatal", b"fatal"), Dataset.of(b"1", b"7", b"7"))
"""Enough chunks for a command to die between them."""
SINGLE = build_cases(Dataset.of(b"1"), Dataset.of(b"fatal"), Dataset.of(b"7"))
"""The smallest inputs, for pairs of faults."""
