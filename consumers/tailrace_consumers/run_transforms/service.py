"""The service that looks at the rounds of a job, and does the next step of each.

A look is safe to repeat: the ledger's chunks and notes, and SageMaker's jobs, say what is done.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from tailrace_consumers.chunks.lookup import LedgerLookup
from tailrace_consumers.outcomes import Outcome
from tailrace_consumers.ports import Clock, RoundQueue, TransformJob, TransformJobs
from tailrace_consumers.run_transforms.reporting import RoundReporting
from tailrace_consumers.run_transforms.starting import RoundStarting
from tailrace_core.engines import Engine
from tailrace_core.errors import ThrottledError
from tailrace_core.jobs.model import Chunk, ChunkState, Job, JobSettings
from tailrace_core.ledger.port import Ledger
from tailrace_core.messages.rounds import RoundDue, TransformJobEvent
from tailrace_core.transforms import notes, rounds

RECHECK_S = 10
"""Delay of another look while failures of the round before are being handled."""
MAX_CHECKS = 60
"""Looks after which a round starts without what is still being handled."""
SOON_S = 60.0
"""A retry that is due within this time is waited for."""
NO_CAPACITY_S = 300
"""Delay of another try where the account runs as many transform jobs as it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTransforms:
    """Runs the rounds of jobs. Concurrent looks are harmless: a round is closed once."""

    ledger: Ledger
    lookup: LedgerLookup
    transforms: TransformJobs
    queue: RoundQueue
    starting: RoundStarting
    reporting: RoundReporting
    clock: Clock

    def note_change(self, event: TransformJobEvent) -> Outcome:
        """Look at the job whose transform job changed its state; events repeat and come late."""
        found = rounds.parse_transform_job_name(event.detail.name)
        if found is None:
            return Outcome.NOT_OURS
        ended = TransformJob(event.detail.status).ended
        return self.look(RoundDue(job_id=found[0])) if ended else Outcome.STALE

    def look(self, message: RoundDue) -> Outcome:
        """Report the answers of rounds that ended, and start the next round when all is handled.

        Raises:
            TransientError: a service did not respond: the queue delivers the message again.
        """
        job, settings = self.ledger.job(message.job_id), self.lookup.settings(message.job_id)
        if job is None or settings is None or settings.engine is not Engine.TRANSFORM:
            return Outcome.UNKNOWN_CHUNK
        closed = self._closed_rounds(job.job_id)
        if not job.state.accepts_results or self.clock() >= job.deadline_at:
            self._stop(job, closed)
            return Outcome.CLOSED
        if job.rows_total is None:
            return Outcome.STALE
        chunks = list(self.ledger.chunks(job.job_id))
        members = _members(chunks)
        running = False
        for each in closed:
            if members[each.number] or (each is closed[-1] and self._control_waits(job, each.number)):
                running |= not self._advance(job, settings, each, chunks, again=message.again)
        return Outcome.POSTPONED if running else self._begin_next(job, settings, len(closed), chunks, message)

    def _closed_rounds(self, job_id: str) -> list[notes.ClosedRound]:
        found: list[notes.ClosedRound] = []
        while (text := self.ledger.note(job_id, notes.closed_note(len(found)))) is not None:
            found.append(notes.ClosedRound.from_json(len(found), text))
        return found

    def _stop(self, job: Job, closed: list[notes.ClosedRound]) -> None:
        """Stop the transform job of a job that ended early; earlier rounds have ended."""
        early = job.outcome is not None or job.state.accepts_results
        if early and closed and closed[-1].engine is None:
            self.transforms.stop(rounds.transform_job_name(job.job_id, closed[-1].number))

    def _advance(
        self, job: Job, settings: JobSettings, closed: notes.ClosedRound, chunks: list[Chunk], *, again: bool
    ) -> bool:
        """Do the next step of a closed round; return whether it has ended."""
        if closed.engine is not None:
            self.starting.hand_over(settings, _members(chunks)[closed.number], Engine(closed.engine))
            return True
        found = self.transforms.describe(rounds.transform_job_name(job.job_id, closed.number))
        if found is None:
            # The round was closed, and its starter died, or there was no capacity.
            self._start(job, settings, closed.number, chunks)
            return False
        if found.ended:
            self.reporting.report(job, closed.number, found, chunks, again=again)
        return found.ended

    def _control_waits(self, job: Job, number: int) -> bool:
        """Return whether the round holds a control whose answer was not reported."""
        names = notes.control_note(number), notes.reported_note(number)
        control, reported = (self.ledger.note(job.job_id, each) for each in names)
        return control is not None and reported is None

    def _begin_next(
        self, job: Job, settings: JobSettings, number: int, chunks: list[Chunk], message: RoundDue
    ) -> Outcome:
        joined = _members(chunks)[number]
        control = self.ledger.note(job.job_id, notes.control_note(number)) if number else None
        unhandled = any(self._is_unhandled(each, number) for each in chunks)
        if not joined and control is None and not unhandled:
            return Outcome.STALE
        if (unhandled or not (joined or control)) and number:
            if message.checks < MAX_CHECKS:
                self.queue.send(RoundDue(job_id=job.job_id, checks=message.checks + 1), RECHECK_S)
                return Outcome.POSTPONED
            if not (joined or control):
                return Outcome.STALE
        engine = self.starting.close(job, settings, number, joined, control)
        # Whoever read the ledger before the round was closed may have joined it since.
        chunks = list(self.ledger.chunks(job.job_id))
        if engine is not None:
            self.starting.hand_over(settings, _members(chunks)[number], engine)
        elif not self._start(job, settings, number, chunks):
            return Outcome.POSTPONED
        return Outcome.INVOKED

    def _start(self, job: Job, settings: JobSettings, number: int, chunks: list[Chunk]) -> bool:
        """Start the transform job of a closed round; False while there is no capacity."""
        try:
            self.starting.start(job, settings, number, _members(chunks)[number], chunks)
        except ThrottledError:
            self.queue.send(RoundDue(job_id=job.job_id), NO_CAPACITY_S)
            return False
        return True

    def _is_unhandled(self, chunk: Chunk, number: int) -> bool:
        """Return whether an open chunk may still join the round ``number``, and soon."""
        if chunk.state is not ChunkState.OPEN or chunk.parked or chunk.waiting:
            return False
        if not chunk.invoked:
            return True
        if chunk.retry is not None:
            return not chunk.retry.held and chunk.retry.at <= self.clock() + SOON_S
        found = rounds.round_of(chunk.output_location)
        return found is not None and found < number


def _members(chunks: Iterable[Chunk]) -> defaultdict[int, list[Chunk]]:
    """Return the open chunks by the round whose answer they wait for."""
    found: defaultdict[int, list[Chunk]] = defaultdict(list)
    for each in chunks:
        number = rounds.round_of(each.output_location)
        waits = each.state is ChunkState.OPEN and each.invoked and not each.parked and each.retry is None
        if waits and number is not None:
            found[number].append(each)
    return found
