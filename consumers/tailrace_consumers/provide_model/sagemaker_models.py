"""SageMaker's AutoML jobs and models, with the meaning of its refusals."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from botocore.config import Config

from tailrace_consumers.adapters.clients import make_client
from tailrace_consumers.provide_model.models import Model
from tailrace_consumers.provide_model.ports import NotReadyError
from tailrace_core.aws.calls import Call
from tailrace_core.errors import NotFoundError, PermanentError

_CONNECT_S, _READ_S = 3.0, 10.0
CALL_S = _CONNECT_S + _READ_S
"""The longest duration of a call: it is made once, and `RetryUntil` decides about the next."""

_UNKNOWN_OPERATION = frozenset({"UnknownOperationException", "UnknownOperation", "InvalidAction"})
# SageMaker reports all of these with the code ValidationException.
_TAKEN = re.compile(r"already exist")
_MISSING = re.compile(r"[Cc]ould not find|does not exist")
_NOT_READY = re.compile(r"[Cc]ould not (?:access|assume)|AssumeRole|trust relationship|not authorized to perform")


def short_timeout_client(service: str) -> Any:
    """Create a client whose calls end while there is still time to respond."""
    return make_client(
        service, Config(connect_timeout=_CONNECT_S, read_timeout=_READ_S, retries={"total_max_attempts": 1})
    )


class SageMakerModels:
    """Implements both ports of the service.

    ``execute`` carries out one call and raises our errors.
    """

    def __init__(self, execute: Callable[[Call], Any]) -> None:
        self._execute = execute

    def describe(self, name: str) -> dict[str, Any]:
        """Return the job by the current API, or by the previous one when only that knows it."""
        try:
            return self._call("describe_auto_ml_job_v2", AutoMLJobName=name)
        except PermanentError as exc:
            if not _is_missing(exc) and exc.details.get("code") not in _UNKNOWN_OPERATION:
                raise
        try:
            return self._call("describe_auto_ml_job", AutoMLJobName=name)
        except PermanentError as exc:
            if not _is_missing(exc):
                raise
            raise NotFoundError(f"there is no AutoML job {name} in this account and region") from exc

    def create(self, model: Model) -> bool:
        """Create the model unless it exists."""
        tags = {"Tags": model.tag_list()} if model.tags else {}
        try:
            self._call("create_model", ModelName=model.name, **model.definition(), **tags)
        except PermanentError as exc:
            if _TAKEN.search(exc.message):
                return False
            if _NOT_READY.search(exc.message):
                raise NotReadyError(exc.message, **exc.details) from exc
            raise
        return True

    def tag(self, arn: str, tags: list[dict[str, str]]) -> None:
        """Add tags to a model."""
        self._call("add_tags", ResourceArn=arn, Tags=tags)

    def delete(self, name: str) -> bool:
        """Delete a model if it exists."""
        try:
            self._call("delete_model", ModelName=name)
        except PermanentError as exc:
            if _is_missing(exc):
                return False
            raise
        return True

    def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        answer: Mapping[str, Any] = self._execute(Call("sagemaker", operation, parameters))
        return dict(answer)


def _is_missing(exc: PermanentError) -> bool:
    return isinstance(exc, NotFoundError) or bool(_MISSING.search(exc.message))
