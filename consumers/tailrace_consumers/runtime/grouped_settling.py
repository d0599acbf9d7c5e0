"""Settlements of a batch, deferred until its messages are handled: one transaction for each job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tailrace_consumers.outcomes import Outcome
from tailrace_core.jobs.model import JobState
from tailrace_core.ledger.port import Ledger
from tailrace_core.ledger.rules import Settlement, SettleOutcome


@dataclass(frozen=True, slots=True)
class PendingSettlement:
    """A chunk whose part is published and that is still to be settled."""

    settlement: Settlement
    conclude: Callable[[SettleOutcome], Outcome]
    """Returns the outcome of the message, and checks the job."""


class GroupedSettling:
    """Settles the chunks of a batch's messages, those of one job in one transaction.

    Create one for each batch. All transactions of a job write its counters, and DynamoDB refuses
    one of two that meet there: if a hundred functions settled each chunk on its own, most of their
    transactions would be refused. Messages are acknowledged only after the batch, so a function
    that dies before the transaction loses nothing: the part and its event are repeated, with the
    same key and the same id.

    Jobs with few of the messages come first: their transactions seldom meet others, and they do not
    wait while the transaction of a large job is refused and tried again.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._pending: list[tuple[str, PendingSettlement]] = []

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
        groups: dict[tuple[str, tuple[JobState, ...]], list[tuple[str, PendingSettlement]]] = {}
        for message_id, each in pending:
            groups.setdefault((each.settlement.job_id, each.settlement.job_states), []).append((message_id, each))
        failed: set[str] = set()
        for number, group in enumerate(sorted(groups.values(), key=len)):
            if number:
                between()
            try:
                outcomes = self._ledger.settle_all([each.settlement for _, each in group])
            except Exception as exc:  # noqa: BLE001 one job's failure must not stop the others
                for message_id, _ in group:
                    on_error(message_id, exc)
                    failed.add(message_id)
                continue
            for (message_id, each), outcome in zip(group, outcomes, strict=True):
                try:
                    on_outcome(message_id, each.conclude(outcome))
                except Exception as exc:  # noqa: BLE001 one message's failure must not stop the others
                    on_error(message_id, exc)
                    failed.add(message_id)
        return failed
