"""Settlements of a batch, deferred until its messages are handled: one transaction for each job."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from tailrace_consumers.outcomes import Outcome
from tailrace_consumers.ports import Publisher
from tailrace_core.jobs.model import JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.port import Ledger
from tailrace_core.ledger.rules import Settlement, SettleOutcome
from tailrace_core.messages.events import PartReady

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PendingSettlement:
    """A chunk whose part is written, and that is still to be marked, published and settled."""

    settlement: Settlement
    event: PartReady
    conclude: Callable[[SettleOutcome], Outcome]
    """Returns the outcome of the message, and checks the job."""

    @property
    def chunk(self) -> tuple[str, RowRange]:
        """Job id and range of the chunk."""
        return self.settlement.job_id, self.settlement.range


Deferred = tuple[str, PendingSettlement]
"""A settlement with the id of its message."""


class GroupedSettling:
    """Marks the chunks of a batch's messages as answered, publishes their parts, and settles them.

    Create one for each batch. Each of the three steps takes one call for all chunks, and is made
    for a chunk when the one before succeeded for it; the chunks of one job are settled in one
    transaction. All transactions of a job write its counters, and DynamoDB refuses one of two that
    meet there: if a hundred functions settled each chunk on its own, most of their transactions
    would be refused. Messages are acknowledged only after the batch, so a function that dies before
    the transaction loses nothing: the part and its event are repeated, with the same key and the
    same id.

    Jobs with few of the messages come first: their transactions seldom meet others, and they do not
    wait while the transaction of a large job is refused and tried again.
    """

    def __init__(self, ledger: Ledger, publisher: Publisher) -> None:
        self._ledger = ledger
        self._publisher = publisher
        self._pending: list[Deferred] = []

    def add(self, message_id: str, pending: PendingSettlement) -> None:
        """Defer a message's settlement; thread-safe."""
        self._pending.append((message_id, pending))

    def flush(
        self,
        on_outcome: Callable[[str, Outcome], None],
        on_error: Callable[[str, Exception], None],
        between: Callable[[], None] = lambda: None,
    ) -> set[str]:
        """Settle what was deferred, and report the outcome or the error of each message by its id.

        ``between`` is called between two transactions. Returns the ids of the messages whose
        settlement failed.
        """
        pending, self._pending = self._pending, []
        flushing = _Flushing(self._ledger, self._publisher, on_outcome, on_error)
        groups: dict[tuple[str, tuple[JobState, ...]], list[Deferred]] = {}
        for message_id, each in flushing.publish(flushing.mark(pending)):
            groups.setdefault((each.settlement.job_id, each.settlement.job_states), []).append((message_id, each))
        for number, group in enumerate(sorted(groups.values(), key=len)):
            if number:
                between()
            flushing.settle(group)
        return flushing.failed


@dataclass
class _Flushing:
    """The steps of one flush, each over the messages that the step before left."""

    ledger: Ledger
    publisher: Publisher
    on_outcome: Callable[[str, Outcome], None]
    on_error: Callable[[str, Exception], None]
    failed: set[str] = field(default_factory=set)

    def mark(self, pending: Sequence[Deferred]) -> list[Deferred]:
        """Mark the chunks as answered; return those whose parts are to be published.

        Mark before publishing: a chunk whose rows were published is never split, so no row is
        published twice.
        """
        chunks = [each.chunk for _, each in pending]
        marked = self._together(pending, lambda: self.ledger.mark_all_answered(chunks)) if pending else []
        for (message_id, each), done in marked:
            if not done:
                self._conclude(message_id, each, SettleOutcome.ALREADY)
        return [deferred for deferred, done in marked if done]

    def publish(self, pending: Sequence[Deferred]) -> list[Deferred]:
        """Publish the parts, one of each chunk; return the messages whose part is published."""
        events = {each.chunk: each.event for _, each in pending}
        published = self._together(pending, lambda: self._errors(events, pending)) if pending else []
        for (message_id, _), error in published:
            if error is not None:
                self._fail(message_id, error)
        return [deferred for deferred, error in published if error is None]

    def _errors(
        self, events: dict[tuple[str, RowRange], PartReady], pending: Iterable[Deferred]
    ) -> list[Exception | None]:
        errors = dict(zip(events, self.publisher.publish_all([*events.values()]), strict=True))
        return [errors[each.chunk] for _, each in pending]

    def settle(self, group: Sequence[Deferred]) -> None:
        """Settle the chunks of one job, and conclude their messages."""
        ends = [each.settlement for _, each in group]
        for (message_id, each), outcome in self._together(group, lambda: self.ledger.settle_all(ends)):
            self._conclude(message_id, each, outcome)

    def _together(self, pending: Sequence[Deferred], call: Callable[[], Sequence[T]]) -> list[tuple[Deferred, T]]:
        """Pair each message with its result of ``call``; none if that fails, and all with it."""
        try:
            return list(zip(pending, call(), strict=True))
        except Exception as exc:  # noqa: BLE001 one job's failure must not stop the others
            for message_id, _ in pending:
                self._fail(message_id, exc)
            return []

    def _conclude(self, message_id: str, pending: PendingSettlement, settled: SettleOutcome) -> None:
        try:
            self.on_outcome(message_id, pending.conclude(settled))
        except Exception as exc:  # noqa: BLE001 one message's failure must not stop the others
            self._fail(message_id, exc)

    def _fail(self, message_id: str, error: Exception) -> None:
        self.on_error(message_id, error)
        self.failed.add(message_id)
