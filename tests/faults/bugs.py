"""Bugs to plant in a function's composition: the suite must find each of them."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any

from tailrace_consumers.chunks.lookup import ChunkContext, LedgerLookup
from tailrace_consumers.chunks.settling import ChunkSettler, Timings
from tailrace_consumers.composition import Composition
from tailrace_consumers.objects.parts import Part
from tailrace_consumers.outcomes import Outcome
from tailrace_core.errors import TailraceError, TransientError
from tailrace_core.jobs.history import HistoryEntry
from tailrace_core.jobs.identities import InferenceId
from tailrace_core.jobs.model import Chunk, Job, JobSettings
from tailrace_core.ledger.rules import SettleOutcome
from tailrace_core.messages.events import PartReady

_NUMBERS = itertools.count()


class Wrapped:
    """A collaborator with some methods replaced."""

    def __init__(self, inner: Any, **methods: Callable[..., Any]) -> None:
        self._inner = inner
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        return self._methods.get(name) or getattr(self._inner, name)


def with_port(made: Composition, port: str, **methods: Callable[..., Any]) -> Composition:
    """Return ``made`` with some methods of a port replaced."""
    wrapped: Any = Wrapped(getattr(made.adapters, port), **methods)
    return Composition(made.settings, dataclasses.replace(made.adapters, **{port: wrapped}))


def with_part(made: Composition, name: str, part: object) -> Composition:
    """Return ``made`` with one of its cached parts replaced."""
    made.__dict__[name] = part
    return made


def with_publishing(made: Composition, publish: Callable[[Any], Any]) -> Composition:
    """Return ``made`` with another way to publish an event, alone and together with others."""

    def publish_all(events: Sequence[Any]) -> list[TailraceError | None]:
        errors: list[TailraceError | None] = []
        for event in events:
            try:
                publish(event)
                errors.append(None)
            except TailraceError as exc:
                errors.append(exc)
        return errors

    return with_port(made, "publisher", publish=publish, publish_all=publish_all)


def unstable_event_ids(made: Composition) -> Composition:
    def publish(event: Any) -> None:
        changed = {"event_id": f"{event.event_id}:{next(_NUMBERS)}"} if isinstance(event, PartReady) else {}
        made.adapters.publisher.publish(event.model_copy(update=changed))

    return with_publishing(made, publish)


def settled_before_published(made: Composition) -> Composition:
    class SettlesFirst(ChunkSettler):
        def pending_part(
            self,
            chunk: Chunk,
            settings: JobSettings,
            part: Part,
            *,
            timings: Timings | None = None,
            reason: str | None = None,
            entry: HistoryEntry | None = None,
        ) -> Any:
            pending = super().pending_part(chunk, settings, part, timings=timings, reason=reason, entry=entry)
            if self._ledger.settle(pending.settlement) is SettleOutcome.SETTLED:
                self._publisher.publish(pending.event)
            return self.acknowledge(chunk.job_id, Outcome.SCORED)

        def settle(self, pending: Any) -> Outcome:
            outcome: Outcome = pending
            return outcome

    adapters = made.adapters
    hasty = SettlesFirst(
        ledger=adapters.ledger,
        store=adapters.store,
        publisher=adapters.publisher,
        completion_check=made.completion,
        meter=adapters.meter,
        clock=adapters.clock,
    )
    return with_part(made, "settler", hasty)


def publishing_errors_swallowed(made: Composition) -> Composition:
    def publish(event: Any) -> None:
        try:
            made.adapters.publisher.publish(event)
        except TransientError:
            return

    return with_publishing(made, publish)


def writing_errors_swallowed(made: Composition) -> Composition:
    def put(key: str, body: bytes) -> None:
        try:
            made.adapters.store.put(key, body)
        except TransientError:
            return

    return with_port(made, "store", put=put)


def retries_swallowed(made: Composition) -> Composition:
    def send(message: Any, delay_s: int) -> None:
        try:
            made.adapters.retries.send(message, delay_s)
        except TransientError:
            return

    def postpone(chunk: Chunk) -> bool:
        # Postpone beyond the deadline, so that the reconciler does not retry it.
        return made.adapters.ledger.postpone(dataclasses.replace(chunk, due_at=made.adapters.clock() + 10**6))

    return with_port(with_port(made, "retries", send=send), "ledger", postpone=postpone)


def parts_overwritten(made: Composition) -> Composition:
    def put_new(key: str, blocks: Any, metadata: Any) -> bool:
        body = b"".join(blocks)
        call: Any = made.adapters.store
        call._call("put_object", Key=key, Body=body, ContentType="text/csv", Metadata=dict(metadata()))
        return True

    return with_port(made, "store", put_new=put_new)


def stale_failures_counted(made: Composition) -> Composition:
    class TrustsStaleFailures(LedgerLookup):
        def find(self, inference: InferenceId) -> ChunkContext | None:
            known = super().find(inference)
            if known is None:
                return None
            return dataclasses.replace(known, chunk=dataclasses.replace(known.chunk, attempt=inference.attempt))

    return with_part(made, "lookup", TrustsStaleFailures(made.ledger))


def finishers_not_replaced(made: Composition) -> Composition:
    def overdue(before: float, limit: int) -> Any:
        return (due for due in made.adapters.ledger.overdue(before, limit) if due.range is not None)

    return with_port(made, "ledger", overdue=overdue)


def waiting_forgotten(made: Composition) -> Composition:
    return with_part(made, "window_filler", Wrapped(made.window_filler, fill=lambda *_: None))


def started_beyond_the_window(made: Composition) -> Composition:
    def claim(job: Job, window: int, due_at: float) -> list[Chunk]:
        return made.adapters.ledger.claim(job, 16 * window, due_at)

    return with_port(made, "ledger", claim=claim)


def error_texts_scored(made: Composition) -> Composition:
    return with_part(made, "shapes", Wrapped(made.shapes, establish=lambda *_, **__: None))


def echoes_not_compared(made: Composition) -> Composition:
    class ForgetsEchoes(LedgerLookup):
        def settings(self, job_id: str) -> JobSettings | None:
            found = super().settings(job_id)
            return found and dataclasses.replace(found, echo_column=None)

    return with_part(made, "lookup", ForgetsEchoes(made.ledger))


BUGS = (
    error_texts_scored,
    echoes_not_compared,
    waiting_forgotten,
    started_beyond_the_window,
    unstable_event_ids,
    settled_before_published,
    publishing_errors_swallowed,
    writing_errors_swallowed,
    retries_swallowed,
    parts_overwritten,
    stale_failures_counted,
    finishers_not_replaced,
)
