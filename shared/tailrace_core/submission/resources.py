"""The resources of a deployed pipeline that the steps of a submission use."""

from __future__ import annotations

from typing import Protocol

from tailrace_core.invocations import InvocationTargets


class Resources(Protocol):
    """The names and addresses of one pipeline's resources."""

    @property
    def bucket(self) -> str:
        """Name of the bucket."""

    @property
    def table(self) -> str:
        """Name of the ledger's table."""

    @property
    def results_topic(self) -> str:
        """ARN of the topic that ``PartReady`` and ``JobFinished`` are published to."""

    @property
    def invocation_targets(self) -> InvocationTargets:
        """The resources that invocations go to."""

    @property
    def transforms_queue(self) -> str | None:
        """URL of RunTransforms' queue; None where the pipeline runs no transform jobs."""
