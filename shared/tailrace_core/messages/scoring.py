"""The request to ScoreChunks: an InvokeEndpointAsync, to be carried out by InvokeEndpoint."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class ScoreDue(BaseModel):
    """On the scoring queue: score the rows of an input object.

    The names are those of InvokeEndpointAsync's parameters.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    schema_version: Literal[1] = 1
    type: Literal["ScoreDue"] = "ScoreDue"
    endpoint_name: Annotated[str, Field(alias="EndpointName", min_length=1)]
    input_location: Annotated[str, Field(alias="InputLocation")]
    inference_id: Annotated[str, Field(alias="InferenceId", min_length=1, max_length=64)]
    content_type: Annotated[str, Field(alias="ContentType")] = "text/csv"
    accept: Annotated[str, Field(alias="Accept")] = "text/csv"
    custom_attributes: Annotated[str | None, Field(alias="CustomAttributes")] = None
    request_ttl_s: Annotated[int, Field(alias="RequestTTLSeconds", ge=1)] = 21_600
    invocation_timeout_s: Annotated[int, Field(alias="InvocationTimeoutSeconds", ge=1)] = 60
    sent_at: Annotated[float, Field(alias="SentAt")]
    """Time at which the request was sent, in seconds since the epoch."""

    def to_json(self) -> str:
        """Serialize the message as sent."""
        return self.model_dump_json(exclude_none=True, by_alias=True)
