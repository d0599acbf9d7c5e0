"""The joining of rounds: what invoking means for a job that is scored by transform jobs.

A chunk joins the round that was not closed yet. Nothing runs until RunTransforms closes the round;
the first chunk to join asks for that.
"""

from __future__ import annotations

import dataclasses

from tailrace_consumers.ports import Invoker, RoundQueue
from tailrace_core.engines import Engine, limits_of
from tailrace_core.errors import ConfigurationError, PermanentError
from tailrace_core.invocations import InvocationResponse
from tailrace_core.jobs.model import Chunk, JobSettings
from tailrace_core.jobs.probing import CONTROL_ATTEMPTS
from tailrace_core.ledger.port import Ledger
from tailrace_core.messages.rounds import RoundDue
from tailrace_core.transforms import notes, rounds

ASK_DELAY_S = 5
"""Delay of the first look at a round after a chunk joined it: others join it meanwhile."""
_REMEMBERED = 256
"""Jobs whose rounds are remembered."""


class RoundJoining:
    """Implements `tailrace_consumers.ports.Invoker`; other engines' jobs go to ``invoker``.

    Remembers for each job which rounds are closed. Thread-safe: a round that is closed stays so.
    """

    def __init__(self, invoker: Invoker, *, ledger: Ledger, queue: RoundQueue | None, bucket: str) -> None:
        self._invoker = invoker
        self._ledger = ledger
        self._queue = queue
        self._bucket = bucket
        self._first: dict[str, int] = {}
        self._asked: set[tuple[str, int]] = set()

    def invoke(self, chunk: Chunk, settings: JobSettings) -> InvocationResponse:
        """Join the open round, or invoke the endpoint that scores what is left.

        Raises:
            ConfigurationError: the stack runs no transform jobs.
            PermanentError: the job had as many rounds as it may have.
        """
        if settings.engine is not Engine.TRANSFORM:
            return self._invoker.invoke(chunk, settings)
        if self._queue is None:
            raise ConfigurationError(
                f"job {chunk.job_id} is scored via transform, and this stack runs no transform jobs; deploy it with "
                "BatchTransform=true"
            )
        number, engine = self._open_round(chunk.job_id)
        if engine is not None:
            return self._invoker.invoke(chunk, settings_at(settings, engine))
        if number >= rounds.MAX_ROUNDS:
            raise PermanentError(
                f"job {chunk.job_id} had {rounds.MAX_ROUNDS} rounds of batch transform, the most it may have: submit "
                "what is left to an endpoint"
            )
        self._ask(chunk, number, self._queue)
        return InvocationResponse(f"s3://{self._bucket}/{rounds.output_key(chunk.job_id, number, chunk.range)}", None)

    def _open_round(self, job_id: str) -> tuple[int, Engine | None]:
        """Return the number of the open round, or the engine that scores all later chunks."""
        number = self._first.get(job_id, 0)
        while (text := self._ledger.note(job_id, notes.closed_note(number))) is not None:
            engine = notes.ClosedRound.from_json(number, text).engine
            if engine is not None:
                return number, Engine(engine)
            number += 1
        if len(self._first) > _REMEMBERED:
            self._first.clear()
            self._asked.clear()
        self._first[job_id] = number
        return number, None

    def _ask(self, chunk: Chunk, number: int, queue: RoundQueue) -> None:
        """Ask for the start of the round, unless somebody has; the seal asks for the first."""
        control = chunk.attempt > CONTROL_ATTEMPTS
        asked = (chunk.job_id, number)
        if not control and (not number or asked in self._asked):
            return
        job = self._ledger.job(chunk.job_id)
        if job is None:
            return
        if control:
            text = notes.control_text(chunk.range, chunk.attempt)
            self._ledger.write_note(job, notes.control_note(number), text)
        if self._ledger.note(job.job_id, notes.asked_note(number)) is None:
            queue.send(RoundDue(job_id=job.job_id), ASK_DELAY_S)
            self._ledger.write_note(job, notes.asked_note(number), chunk.range.name)
        self._asked.add(asked)


def settings_at(settings: JobSettings, engine: Engine) -> JobSettings:
    """Return the settings of a request to the endpoint that scores what is left of a job."""
    most_s = limits_of(engine).max_model_s
    return dataclasses.replace(settings, engine=engine, invocation_timeout_s=min(settings.invocation_timeout_s, most_s))
