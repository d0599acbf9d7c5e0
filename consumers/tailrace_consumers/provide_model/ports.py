"""Ports of the service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from tailrace_consumers.provide_model.models import Model
from tailrace_core.errors import PermanentError

Clock = Callable[[], float]
"""Returns monotonic seconds."""
Sleep = Callable[[float], object]
"""Sleeps for a number of seconds."""


class NotReadyError(PermanentError):
    """SageMaker cannot use the execution role.

    A new role works after IAM has propagated it.
    """


class AutoMLJobs(Protocol):
    """The account's AutoML jobs."""

    def describe(self, name: str) -> dict[str, Any]:
        """Return the job as SageMaker describes it.

        Raises:
            NotFoundError: the job does not exist.
            AccessDeniedError: the function may not describe the job (yet).
            TransientError: SageMaker did not respond.
        """


class Models(Protocol):
    """The account's models."""

    def create(self, model: Model) -> bool:
        """Create the model; return False when its name exists.

        Raises:
            NotReadyError: SageMaker cannot use the role, now or ever.
            TransientError: SageMaker did not respond; the model may exist.
            PermanentError: SageMaker refuses the model.
        """

    def tag(self, arn: str, tags: list[dict[str, str]]) -> None:
        """Add tags to an existing model; its other tags stay."""

    def delete(self, name: str) -> bool:
        """Delete a model; return False when it does not exist."""
