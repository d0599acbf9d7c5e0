"""What people do for a deployed stack: redrive what is parked, or give it up, and send dead letters again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tailrace import Tailrace
from tailrace.operations.parked import MAX_REDRIVES, ParkedChunkId, ParkedStatus
from tailrace_core.errors import InputError
from tests.faults.deployed.queues import Queues

_DEAD = "DeadLetterQueue"


@dataclass(frozen=True)
class CloudOperator:
    """Act by the client, as the command does; remember how often."""

    client: Tailrace
    queues: Queues
    done: Counter[str] = field(default_factory=Counter)

    def look(self) -> None:
        """Do what there is to do now."""
        left = self.queues.left()
        if "ParkedQueue" in left:
            self._redrive_parked()
        for output in left:
            if output == f"ReconcileJobs{_DEAD}":
                # Ticks that died: the schedule's next one does the same work.
                self.queues.purge(output)
            elif output.endswith(_DEAD):
                letters = self.client.operations.dead_letters.redrive(output.removesuffix(_DEAD).lower())
                self.done["letters"] += sum(1 for _ in letters)

    def _redrive_parked(self) -> None:
        redriving = self.client.operations.redriving
        for each in redriving.redrive_all(confirmed=True, timeout_s=5.0).chunks:
            self.done[each.action] += 1
            parked = each.parked
            if each.action == "left" and parked.status is ParkedStatus.PARKED and parked.redrives >= MAX_REDRIVES:
                self._give_up(ParkedChunkId(parked.job_id, parked.range))

    def _give_up(self, name: ParkedChunkId) -> None:
        try:
            self.client.operations.redriving.discard(name)
        except InputError:
            return  # it was settled meanwhile
        self.done["discarded"] += 1
