"""A simulation of whole jobs in one process: the real producer and functions, a cloud in memory."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from tailrace.aws.connections import Boto3Connection
from tailrace.client import Tailrace
from tailrace.submit.submitter import Sender
from tailrace_core.aws.calls import Call, run
from tailrace_core.engines import Engine
from tailrace_core.errors import TailraceError
from tailrace_core.jobs.model import Chunk, ChunkState, Job
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.dynamo_ledger import DynamoLedger
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.messages.events import ChunkParked, RetryDue, decode
from tailrace_core.submission.chunk_steps import ChunkSteps, ChunkTask
from tailrace_core.submission.options import SubmitOptions
from tests.faults import model, score_chunks
from tests.faults.answering import Answering
from tests.faults.endpoint import Endpoint
from tests.faults.functions import CONSUMERS, RECONCILE_EVERY_S, Functions, Mutation, no_mutation
from tests.faults.injection import Crash, Process, Schedule
from tests.faults.interleaving import take_turns
from tests.faults.invariants import Invariants
from tests.faults.memory_aws import cloud as names
from tests.faults.memory_aws.cloud import Cloud
from tests.faults.transforms import TransformService

PRODUCER = "producer"
REST_TIMEOUT_S = 40 * 86_400.0
"""Simulated time after which a simulation not at rest counts as stuck: beyond the longest
deadline."""
MAX_STEPS = 200_000
MAX_REDRIVES = 10
"""Most redrives in one simulation; then the operator gives up, and the deadline ends the job."""


class StuckError(AssertionError):
    """The simulation does not come to rest."""


class SerialSender:
    """A sender of a few chunks at a time in the submitting thread, so that calls have one order."""

    def __init__(self, execute: Callable[[Call], Any], batch: int) -> None:
        self._execute = execute
        self._batch = batch

    def send_all(self, steps: ChunkSteps, works: Iterable[ChunkTask], on_sent: Callable[[ChunkTask], None]) -> None:
        following = iter(works)
        while pair := list(itertools.islice(following, self._batch)):
            for work in pair:
                run(steps.upload(work.plan), self._execute)
            located: list[Chunk] = []
            for chunk in run(steps.record(pair), self._execute):
                located += [] if chunk is None else run(steps.invoke(chunk), self._execute)
            run(steps.confirm(located), self._execute)
            for work in pair:
                on_sent(work)


@dataclass
class Simulation:
    """Cloud, endpoint, functions and producers, with one schedule of faults for all processes."""

    schedule: Schedule = field(default_factory=Schedule)
    mutate: Mutation = no_mutation
    threads: int = 0
    """Sender threads of the producer; 0 sends in the submitting thread."""
    batch: int = 2
    """Chunks whose intents are written together where the submitting thread sends."""
    operator: bool = True
    """True if an operator redrives the parked queue."""
    notification_counts: list[int | None] = field(default_factory=list)
    """For each of the first requests, the number of notifications of its answer; None loses the
    request."""
    outage_s: tuple[float, float] | None = None
    """Begin and end of an outage of the endpoint, in seconds after the start."""
    hurries: int = 0
    """Number of times that the operator makes all queued attempts at once."""
    check_invariants: bool = True
    """Check the ledger's invariants at every write."""
    piece_bytes: int | None = None
    """Size of the pieces in which functions upload parts; None for the default."""
    answering: Answering = model.USUAL
    engine: Engine = Engine.ASYNC
    """The way in which the stack scores."""

    def __post_init__(self) -> None:
        self.cloud = Cloud(kind=Engine.ASYNC if self.engine is Engine.TRANSFORM else self.engine)
        self.endpoint = Endpoint(self.cloud, self.answering)
        self.cloud.add_service("sagemaker-runtime", self.endpoint)
        self.transforms = TransformService(self.cloud, self.answering)
        self.cloud.add_service("sagemaker", self.transforms)
        self.functions = Functions(
            self.cloud, self.schedule, self.mutate, piece_bytes=self.piece_bytes, ticked_at=self.cloud.clock()
        )
        self.invariants = Invariants(self.cloud.dynamodb)
        if self.check_invariants:
            self.cloud.dynamodb.on_change.append(self.invariants.check)
        self._started_at = self.cloud.clock()
        self._follow_outage()
        self.jobs: list[str] = []
        self.redriven = 0
        self._ids = 0

    # -- producers

    def producer(self, role: str = PRODUCER) -> tuple[Process, Tailrace]:
        """Start a new producer process; return it and its client."""
        process = Process(self.cloud, role, self.schedule)
        self.schedule.begin(role)
        connection = Boto3Connection(session=self.cloud, retry=process.retrying_executor)
        sender: Sender | None = None if self.threads else SerialSender(connection.execute, self.batch)
        client = Tailrace(
            "stack",
            connection=connection,
            sender=sender,
            concurrency=self.threads or 1,
            now=self.cloud.clock,
            sleep=self.cloud.clock.advance,
            new_id=self._new_id,
        )
        return process, client

    def submit(self, text: bytes, options: SubmitOptions) -> str | None:
        """Submit once; return the job's id, or None if the producer died or gave up."""
        _, client = self.producer()
        try:
            via = replace(options, via=options.via or self.engine)
            done = client.submit("-", via, stdin=io.BytesIO(text))
        except Crash:
            return None
        except TailraceError as exc:
            self.functions.errors.append((PRODUCER, exc))
            return None
        if done.job_id not in self.jobs:
            self.jobs.append(done.job_id)
        return done.job_id

    def submit_until_done(self, text: bytes, options: SubmitOptions, *, meanwhile: bool) -> str:
        """Submit until it succeeds; ``meanwhile`` runs the functions between the tries.

        A new simulation starts from a copy of a clean submit if its schedule has no fault in it.
        """
        if self._takes_copy():
            clean = clean_submit(text, options, self.engine, check_invariants=self.check_invariants)
            if self.schedule.skip(PRODUCER, clean.schedule):
                self._copy_from(clean)
                return self.jobs[0]
        for _ in range(6):
            job_id = self.submit(text, options)
            if job_id is not None:
                return job_id
            if meanwhile:
                self.pump()
        raise StuckError("the producer never succeeds")

    def _takes_copy(self) -> bool:
        new = not self.jobs and not self._ids and not self.schedule.calls and not self.cloud.dynamodb.items
        # Only actors take turns, and they start after the submit.
        silent = self.schedule.before_call in {None, take_turns}
        return new and silent and not self.threads and not self.endpoint.gone

    def _copy_from(self, clean: Simulation) -> None:
        self.cloud.copy_from(clean.cloud)
        self.endpoint.copy_from(clean.endpoint)
        self.invariants.copy_from(clean.invariants)
        self.jobs = list(clean.jobs)
        self._ids = clean._ids

    def _new_id(self) -> str:
        self._ids += 1
        return f"01ARZ3NDEKTSV4RRFFQ69G{self._ids:04d}"

    # -- the operator

    def redrive_parked(self) -> bool:
        """Redrive each parked chunk after its cause is fixed; False if there is none."""
        parked = self.cloud.sqs.receive_message(QueueUrl=names.PARKED, MaxNumberOfMessages=10).get("Messages", ())
        for message in parked:
            self._redrive(decode(ChunkParked, message["Body"]))
            self.cloud.sqs.delete_message(QueueUrl=names.PARKED, ReceiptHandle=message["ReceiptHandle"])
        return bool(parked)

    def _redrive(self, event: ChunkParked) -> None:
        chunk = self.ledger.chunk(event.job_id, RowRange(event.first_row, event.rows))
        if chunk is None or chunk.state is not ChunkState.OPEN or chunk.attempt != event.attempt:
            return
        if not chunk.parked:
            # The message precedes the ledger's record: give the parking function time.
            self.cloud.sqs.send_message(QueueUrl=names.PARKED, MessageBody=event.to_json(), DelaySeconds=900)
            return
        self.redriven += 1
        if self.redriven > MAX_REDRIVES:
            return
        again = RetryDue(
            job_id=event.job_id,
            first_row=event.first_row,
            rows=event.rows,
            attempt=event.attempt + 1,
            tries=1,
            reason="redriven",
        )
        self.cloud.sqs.send_message(QueueUrl=names.RETRIES, MessageBody=again.to_json(), DelaySeconds=900)

    # -- time

    def pump(self) -> bool:
        """Run the endpoint and the functions until time must pass; False if they did nothing."""
        moved = False
        for _ in range(MAX_STEPS):
            busy = bool(self.endpoint.backlog) or self.transforms.process()
            while self.endpoint.backlog:
                self._answer_next()
            while self._score_next():
                busy = True
            for role in CONSUMERS:
                while role != score_chunks.ROLE and self.functions.deliver(role):
                    busy = True
            if not busy:
                return moved
            moved = True
        raise StuckError("messages circulate without end")

    def _answer_next(self) -> None:
        notifications = self.notification_counts.pop(0) if self.notification_counts else 1
        if notifications is None:
            self.endpoint.backlog.pop(0)
        else:
            self.endpoint.process(notifications=notifications)

    def _score_next(self) -> bool:
        """Have ScoreChunks handle one request, and its notification arrive as often as planned."""
        queue = self.cloud.queue(names.SCORING)
        waiting = [each for each in queue.messages.values() if each.visible_at <= self.cloud.clock()]
        if not waiting:
            return False
        notifications = self.notification_counts.pop(0) if self.notification_counts else 1
        if notifications is None:
            del queue.messages[waiting[0].message_id]
            return True
        before = {name: set(self.cloud.queue(name).messages) for name in (names.SUCCEEDED, names.FAILED)}
        self.functions.deliver(score_chunks.ROLE, batch=1)
        for name, known in before.items():
            messages = self.cloud.queue(name).messages
            for number in set(messages) - known:
                body = messages[number].body
                if not notifications:
                    del messages[number]
                for _ in range(notifications - 1):
                    self.cloud.sqs.send_message(QueueUrl=name, MessageBody=body)
        return True

    def wait(self) -> None:
        """Advance the clock until something is due: a message, or the reconciler's tick."""
        due = [self.functions.ticked_at + RECONCILE_EVERY_S]
        due += [at for queue, _ in CONSUMERS.values() if (at := self.cloud.queue(queue).next_visible_at()) is not None]
        ends_at = self.transforms.next_end_at()
        due += [] if ends_at is None else [ends_at]
        self.cloud.clock.advance(min(due) - self.cloud.clock())
        self._follow_outage()
        if self.hurries:
            self.hurries -= 1
            self._hurry_queued()
        if self.cloud.clock() >= self.functions.ticked_at + RECONCILE_EVERY_S:
            self.functions.tick()

    def _follow_outage(self) -> None:
        if self.outage_s is not None:
            passed_s = self.cloud.clock() - self._started_at
            self.endpoint.down = self.outage_s[0] <= passed_s < self.outage_s[1]

    def _hurry_queued(self) -> None:
        with self.reader() as client:
            for job_id in self.jobs:
                for _done in client.operations.redriving.hurry_all(job_id, confirmed=True):
                    pass

    def drain(self) -> None:
        """Run until all is at rest: every job final, no message in a queue."""
        until = self.cloud.clock() + REST_TIMEOUT_S
        while True:
            self.pump()
            if self.at_rest():
                return
            if self.operator and self.redrive_parked():
                continue
            if self.cloud.clock() > until:
                raise StuckError(f"not at rest: {[self.job(each) for each in self.jobs]}")
            self.wait()

    def at_rest(self) -> bool:
        """Return whether nothing will happen any more."""
        queues = any(self.cloud.queue(queue).messages for queue, _ in CONSUMERS.values())
        jobs = all(job.state.final for job in self.ledger.jobs(100))
        return jobs and not queues and not self.endpoint.backlog

    # -- inspection

    @property
    def ledger(self) -> DynamoLedger:
        """The ledger outside any process: its calls meet no faults."""
        return DynamoLedger(
            DynamoSteps(names.TABLE), lambda call: getattr(self.cloud.dynamodb, call.operation)(**call.params)
        )

    def job(self, job_id: str) -> Job:
        """Return the current state of a job."""
        job = self.ledger.job(job_id)
        assert job is not None, job_id
        return job

    def leaves(self, job_id: str) -> list[Chunk]:
        """Return the leaf chunks, in order."""
        return sorted((each for each in self.ledger.chunks(job_id) if each.state.leaf), key=lambda each: each.range)

    def reader(self) -> Tailrace:
        """Build a client whose calls meet no faults."""
        process = Process(self.cloud, "reader", Schedule())
        connection = Boto3Connection(session=self.cloud, retry=process.retrying_executor)
        return Tailrace("stack", connection=connection, now=self.cloud.clock)


@lru_cache(maxsize=64)
def clean_submit(text: bytes, options: SubmitOptions, engine: Engine, *, check_invariants: bool) -> Simulation:
    """Return a simulation just after a submit without faults, to copy from."""
    sim = Simulation(check_invariants=check_invariants, engine=engine)
    assert sim.submit(text, options) is not None, sim.functions.errors
    return sim
