"""ScoreChunks in the simulation: built from a process's composition, and one call to the endpoint.

It stands beside the handlers' modules: it assembles a service, and handles a message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tailrace_consumers.adapters.sagemaker_endpoint import SageMakerEndpoint
from tailrace_consumers.composition import Composition
from tailrace_consumers.ports import NotificationQueues
from tailrace_consumers.score_chunks.handler import handle as handle_request
from tailrace_consumers.score_chunks.service import ScoreChunks
from tailrace_core.aws.calls import Call
from tailrace_core.aws.retrying import RetryPolicy

ROLE = "score_chunks"
ONCE = RetryPolicy(max_tries=1, max_conflict_tries=1)
"""The endpoint is called once; see `tailrace_consumers.adapters.sagemaker_endpoint`."""

handle = handle_request


class ScoringComposition(Composition):
    """The parts of ScoreChunks' process: those of other functions, and its way to the endpoint."""

    invoke_once: Callable[[Call], Any]


def assemble(made: Composition) -> ScoreChunks:
    """Build the service; a planted bug may have replaced the notification queues."""
    assert isinstance(made, ScoringComposition)
    notifications: NotificationQueues | None = made.adapters.notifications
    assert notifications is not None
    return ScoreChunks(
        bucket=made.settings.bucket,
        lookup=made.lookup,
        store=made.store,
        endpoint=SageMakerEndpoint(lambda _: made.invoke_once),
        notifications=notifications,
        clock=made.adapters.clock,
    )
