"""Transform jobs in SageMaker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from tailrace_consumers.ports import TransformJob
from tailrace_core.aws.calls import Call
from tailrace_core.errors import NotFoundError, PermanentError, ThrottledError

_EXISTS = "ResourceInUse"
_LIMIT = "ResourceLimitExceeded"
_MISSING = "could not find"
"""Opening of the message with which DescribeTransformJob refuses an unknown name, as other codes
than ResourceNotFound too."""


class SageMakerTransformJobs:
    """Implements `tailrace_consumers.ports.TransformJobs`."""

    def __init__(self, execute: Callable[[Call], Mapping[str, Any]]) -> None:
        self._execute = execute

    def create(self, request: Mapping[str, Any]) -> None:
        """Create a job; one of its name is the same one, made before."""
        try:
            self._execute(Call("sagemaker", "create_transform_job", dict(request)))
        except PermanentError as exc:
            code = exc.details.get("code")
            if code == _LIMIT:
                raise ThrottledError(exc.message, **exc.details) from exc
            if code != _EXISTS:
                raise

    def describe(self, name: str) -> TransformJob | None:
        """Return the job's state."""
        try:
            found = self._execute(Call("sagemaker", "describe_transform_job", {"TransformJobName": name}))
        except NotFoundError:
            return None
        except PermanentError as exc:
            if _MISSING not in exc.message.lower():
                raise
            return None
        return TransformJob(
            found["TransformJobStatus"],
            found.get("FailureReason"),
            _seconds(found.get("TransformStartTime")),
            _seconds(found.get("TransformEndTime")),
        )

    def stop(self, name: str) -> None:
        """Stop the job; SageMaker refuses to stop one that has ended."""
        try:
            self._execute(Call("sagemaker", "stop_transform_job", {"TransformJobName": name}))
        except PermanentError as exc:
            if exc.details.get("code") not in {"ValidationException", "ResourceNotFound"}:
                raise


def _seconds(value: datetime | float | None) -> float | None:
    return value.timestamp() if isinstance(value, datetime) else value
