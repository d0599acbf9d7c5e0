"""Events of EventBridge about executions of the state machine that cuts."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tailrace_core.errors import MessageError
from tailrace_core.messages.decoding import first_error, raw_bytes, read_json

_STATEMENTS = {"ABORTED": "it was stopped", "TIMED_OUT": "it timed out"}


class _Detail(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    name: str = Field(min_length=1)
    status: str
    input: str | None = None
    """Null if it is too large for an event."""
    error: str | None = None
    cause: str | None = None


class ExecutionEnd(BaseModel):
    """An execution ended. The event may come again, and late."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    detail_type: Literal["Step Functions Execution Status Change"] = Field(alias="detail-type")
    source: Literal["aws.states"]
    detail: _Detail

    @property
    def job_id(self) -> str:
        """The job, or the id of a dry run; the name of an execution begins with it."""
        return str(self._given().get("job_id") or self.detail.name.partition("-")[0])

    @property
    def is_dry_run(self) -> bool:
        """True if the execution had no job."""
        return bool(self._given().get("dry_run"))

    @property
    def reason(self) -> str:
        """The reason of its end, in words."""
        stated = self.detail.cause or self.detail.error
        words = _STATEMENTS.get(self.detail.status, f"it ended as {self.detail.status}")
        return (
            f"the execution {self.detail.name} that cut the input broke off: {words}{f' ({stated})' if stated else ''}"
        )

    def _given(self) -> dict[str, Any]:
        try:
            found = json.loads(self.detail.input or "{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


def decode_execution_end(body: str) -> ExecutionEnd:
    """Decode a message of the queue of ended executions.

    Raises:
        MessageError: it is no such event; keeps the bytes.
    """
    try:
        return ExecutionEnd.model_validate(read_json(body))
    except ValidationError as exc:
        raise MessageError(f"not an event of an execution's end: {first_error(exc)}", raw=raw_bytes(body)) from exc
