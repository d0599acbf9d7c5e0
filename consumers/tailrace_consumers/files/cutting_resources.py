"""The stack's resources, as the functions need them that open, cut, seal and end jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tailrace_core.invocations import InvocationTargets

if TYPE_CHECKING:
    from tailrace_consumers.settings import CuttingSettings, InboxSettings


class CuttingResources:
    """Implements `tailrace_core.submission.resources.Resources`."""

    def __init__(self, settings: CuttingSettings | InboxSettings) -> None:
        self.bucket = settings.bucket
        self.table = settings.ledger_table
        self.results_topic = settings.results_topic
        self.invocation_targets = InvocationTargets(settings.bucket, settings.scoring_queue)
        self.transforms_queue = settings.transforms_queue
