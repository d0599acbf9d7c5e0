"""Operator of a deployed stack: redrives or discards parked chunks, redrives dead letters."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from tailrace import Tailrace
from tailrace.operations.parked import MAX_REDRIVES, ParkedChunkId, ParkedStatus
from tailrace_core.errors import InputError
from tests.faults.deployed.queues import Queues

_DEAD = "DeadLetterQueue"


@dataclass(frozen=True)
class CloudOperator:
    """Acts through the client, like the command does, and counts its actions."""

    client: Tailrace
    queues: Queues
    done: Counter[str] = field(default_factory=Counter)

    def act(self) -> None:
        """Do everything that is pending."""
        left = self.queues.left()
        if "ParkedQueue" in left:
            self._redrive_parked()
        for output in left:
            if output == f"ReconcileJobs{_DEAD}":
                # Dead-lettered ticks: the schedule's next tick does the same work.
                self.queues.purge(output)
            elif output.endswith(_DEAD):
                # The command's name of the queue: cutting-ends for CuttingEndsDeadLetterQueue.
                name = re.sub("(?<!^)([A-Z])", r"-\1", output.removesuffix(_DEAD)).lower()
                letters = self.client.operations.dead_letters.redrive(name)
                self.done["letters"] += sum(1 for _ in letters)

    def _redrive_parked(self) -> None:
        redriving = self.client.operations.redriving
        for each in redriving.redrive_all(confirmed=True, timeout_s=5.0).chunks:
            self.done[each.action] += 1
            parked = each.parked
            if each.action == "left" and parked.status is ParkedStatus.PARKED and parked.redrives >= MAX_REDRIVES:
                self._decide(ParkedChunkId(parked.job_id, parked.range), parked.redrives)

    def hurry(self, job_id: str) -> None:
        """Make all queued attempts of a job at once."""
        self.done["hurried"] += sum(1 for _ in self.client.operations.redriving.hurry_all(job_id, confirmed=True))

    def _decide(self, name: ParkedChunkId, redrives: int) -> None:
        """Discard a row that was redriven often; of a chunk, others may be good, so it has longer."""
        redriving = self.client.operations.redriving
        hopeless = name.range.rows == 1 or redrives >= 2 * MAX_REDRIVES
        try:
            if hopeless:
                redriving.discard(name)
            else:
                redriving.redrive(name, force=True)
        except InputError:
            return  # it was settled meanwhile
        self.done["discarded" if hopeless else "forced"] += 1
