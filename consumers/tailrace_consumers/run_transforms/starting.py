"""The start of a round: it is closed, its inputs are listed, and its transform job is created."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tailrace_consumers.chunks.attempts import Attempts
from tailrace_consumers.chunks.round_joining import settings_at
from tailrace_consumers.ports import Clock, ObjectStore, TransformJobs
from tailrace_consumers.run_transforms.reporting import RoundReporting
from tailrace_core.engines import Engine, limits_of
from tailrace_core.errors import PermanentError
from tailrace_core.jobs.model import Chunk, ChunkState, Job, JobSettings
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.port import Ledger
from tailrace_core.transforms import notes, rounds
from tailrace_core.transforms.requests import TransformFleet, create_request
from tailrace_core.transforms.verdicts import not_handed_over_reason, not_started_reason

REST_CHUNKS = 64
"""Fewer chunks than this go to the stack's endpoint: a round costs the start of an instance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundStarting:
    """Starts rounds. Each step is idempotent: a note, a manifest and a job are made once."""

    ledger: Ledger
    store: ObjectStore
    transforms: TransformJobs
    attempts: Attempts
    reporting: RoundReporting
    fleet: TransformFleet
    bucket: str
    rest_engine: Engine | None
    """The engine of the stack's endpoint, if it has one."""
    clock: Clock

    def close(
        self, job: Job, settings: JobSettings, number: int, joined: Sequence[Chunk], control: str | None
    ) -> Engine | None:
        """Close a round, so that who invokes from now on joins the next.

        Returns the engine of the endpoint that scores what is left; None for a transform job.
        """
        rest = self.rest_engine
        fits = rest is not None and settings.chunk_bytes <= limits_of(rest).max_bytes
        few = number > 0 and len(joined) < REST_CHUNKS and control is None
        engine = rest if fits and few else None
        closed = notes.ClosedRound(number, self.clock(), engine)
        text = self.ledger.write_note(job, notes.closed_note(number), closed.to_json())
        stands = notes.ClosedRound.from_json(number, text).engine
        return None if stands is None else Engine(stands)

    def start(
        self, job: Job, settings: JobSettings, number: int, members: Sequence[Chunk], chunks: Sequence[Chunk]
    ) -> None:
        """Create the transform job of a closed round, unless it exists; ``chunks`` are the job's.

        Raises:
            ThrottledError: the account runs as many as it may; or too fast.
            TransientError: a service did not respond.
        """
        if number:
            witnesses = self._witnesses(job, number, chunks)
            body = rounds.manifest(self.bucket, job.job_id, [each.range for each in members], witnesses)
            # Written once: the job may have been created from it before.
            self.store.put_new(rounds.manifest_key(job.job_id, number), [body], dict)
        request = create_request(job.job_id, number, settings, self.fleet, bucket=self.bucket)
        try:
            self.transforms.create(request)
        except PermanentError as exc:
            self.reporting.fail(members, not_started_reason(request["TransformJobName"], exc.message))

    def hand_over(self, settings: JobSettings, members: Sequence[Chunk], engine: Engine) -> None:
        """Invoke the endpoint for the members of a round; a repetition invokes those left.

        Raises:
            TransientError: the endpoint does not accept one now: the message is delivered again.
        """
        at_endpoint = settings_at(settings, engine)
        sent: list[Chunk] = []
        try:
            for each in members:
                try:
                    sent.append(self.attempts.send(each, at_endpoint))
                except PermanentError as exc:
                    self.reporting.fail([each], not_handed_over_reason(exc.message))
        finally:
            self.attempts.confirm_all(sent)

    def _witnesses(self, job: Job, number: int, chunks: Sequence[Chunk]) -> list[RowRange]:
        """Return the ranges of answered inputs to run with the round, to show that the model works.

        These are the smallest scored chunk, and the control's.
        """
        scored = [each for each in chunks if each.state is ChunkState.SCORED]
        smallest = min(scored, key=lambda each: (each.rows_sent, each.range), default=None)
        found = [] if smallest is None else [smallest.range]
        control = self.ledger.note(job.job_id, notes.control_note(number))
        return found if control is None else [*found, notes.parse_control(control)[0]]
