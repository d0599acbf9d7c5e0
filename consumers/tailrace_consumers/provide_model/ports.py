"""What the service needs of the world."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from tailrace_consumers.provide_model.models import Model
from tailrace_core.errors import PermanentError

Clock = Callable[[], float]
"""Seconds that only grow."""
Sleep = Callable[[float], object]
"""Waits so many seconds."""


class NotReadyError(PermanentError):
    """SageMaker cannot use the execution role. Of a role that was just made, it may be able to in a moment."""


class AutoMLJobs(Protocol):
    """The account's AutoML jobs."""

    def describe(self, name: str) -> dict[str, Any]:
        """The job, as SageMaker describes it.

        Raises:
            NotFoundError: there is no such job.
            AccessDeniedError: the function may not look (yet).
            TransientError: no answer.
        """


class Models(Protocol):
    """The account's models."""

    def create(self, model: Model) -> bool:
        """Make the model; False when there is one of its name.

        Raises:
            NotReadyError: SageMaker cannot use the role yet, or never will.
            TransientError: no answer; it may be made.
            PermanentError: SageMaker refuses it.
        """

    def tag(self, arn: str, tags: list[dict[str, str]]) -> None:
        """Put tags on a model that is there; those that it has besides stay."""

    def delete(self, name: str) -> bool:
        """Remove a model; False when there is none of the name."""
