"""The message to RunTransforms, and SageMaker's event that a transform job changed its state."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tailrace_core.errors import MessageError
from tailrace_core.messages.decoding import first_error, raw_bytes, read_json

STATE_CHANGE = "SageMaker Transform Job State Change"


class RoundDue(BaseModel):
    """On the transforms queue: look at the rounds of a job, and do the next step of each."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    schema_version: Literal[1] = 1
    type: Literal["RoundDue"] = "RoundDue"
    job_id: str
    checks: Annotated[int, Field(ge=0)] = 0
    """Looks made already while failures of the round before were being handled."""
    again: bool = False
    """True to report the answers of ended rounds again, whose messages may have been lost."""

    def to_json(self) -> str:
        """Serialize the message as sent."""
        return self.model_dump_json(exclude_none=True)


class _Detail(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    name: str = Field(alias="TransformJobName")
    status: str = Field(alias="TransformJobStatus")


class TransformJobEvent(BaseModel):
    """An event of EventBridge; several may report one change."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    detail_type: Literal["SageMaker Transform Job State Change"] = Field(alias="detail-type")
    detail: _Detail


def decode_round_message(body: str) -> RoundDue | TransformJobEvent:
    """Decode a message of the transforms queue.

    Raises:
        MessageError: it is neither; keeps the bytes.
    """
    data = read_json(body)
    model = TransformJobEvent if isinstance(data, dict) and "detail-type" in data else RoundDue
    try:
        return model.model_validate(data)
    except ValidationError as exc:
        raise MessageError(f"not a {model.__name__}: {first_error(exc)}", raw=raw_bytes(body)) from exc
