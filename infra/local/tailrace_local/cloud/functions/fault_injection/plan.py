"""Fault plans for functions.

Rules that select AWS calls or events, and the faults that they inject.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

_READ = "s3.GetObject"


class _Strict(BaseModel):
    """A model that refuses unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Kill(_Strict):
    """SIGKILL to the function's process.

    Before the call is sent, or after its effect and before its answer.
    """

    kind: Literal["kill_before", "kill_after"]


class KillDuring(_Strict):
    """SIGKILL between `from_s` and `to_s` after the event arrived, if it is still handled."""

    kind: Literal["kill_during"]
    from_s: float = Field(default=0.0, ge=0)
    to_s: float = Field(default=1.0, ge=0)


class Unreachable(_Strict):
    """The call fails with EndpointConnectionError and has no effect."""

    kind: Literal["unreachable"]


class LoseReply(_Strict):
    """The call has its effect and fails with ReadTimeoutError."""

    kind: Literal["lose_reply"]


class BreakBody(_Strict):
    """The object that a call reads breaks off after so many bytes, as a lost connection does."""

    kind: Literal["break_body"]
    after_bytes: int = Field(default=0, ge=0)


class Refuse(_Strict):
    """The call is answered with an error of AWS and has no effect."""

    kind: Literal["refuse"]
    code: str = "ThrottlingException"
    status: int = Field(default=400, ge=400, le=599)
    message: str = "Rate exceeded"


class Selection(_Strict):
    """The calls that a rule selects: those that match every given field."""

    function: str = "*"
    """The function's name, with * and ? as wildcards.

    `*CollectResults*` for a deployed logical id.
    """
    call: str = "*"
    """Service and operation, such as `dynamodb.TransactWriteItems`, `s3.*`. Not for kill_during."""
    number: int | None = Field(default=None, ge=1)
    """The n-th AWS call since the event arrived. Not for kill_during."""
    every: int | None = Field(default=None, ge=1)
    """Every n-th of the calls that match so far, over all processes."""
    rate: float | None = Field(default=None, gt=0, le=1)
    """The share of the matching calls, drawn by the seed, the rule and the call's number."""
    after: int = Field(default=0, ge=0)
    """The number of matching calls without a fault before the first one with a fault."""
    limit: int | None = Field(default=None, ge=1)
    """The maximum number of faults, over all processes.

    Without it a call that always fails never succeeds.
    """


class FunctionRule(_Strict):
    """One rule: the selected calls, and the fault.

    For kill_during the arrival of an event counts as the call.
    """

    name: str = ""
    when: Selection = Selection()
    do: Annotated[Kill | KillDuring | Unreachable | LoseReply | BreakBody | Refuse, Field(discriminator="kind")]

    @model_validator(mode="after")
    def _possible(self) -> FunctionRule:
        if self.do.kind == "kill_during" and (self.when.call != "*" or self.when.number):
            raise ValueError("kill_during is about events: select without `call` and `number`")
        if self.do.kind == "break_body" and self.when.call != _READ:
            raise ValueError(f"break_body is about objects that are read: select them with `call` {_READ}")
        return self


class FunctionFaultPlan(_Strict):
    """Rules in the order in which each call is checked against them. At most one acts on a call."""

    seed: int = 0
    rules: tuple[FunctionRule, ...] = ()

    @model_validator(mode="after")
    def _named(self) -> FunctionFaultPlan:
        names = [rule.name for rule in self.rules if rule.name]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two rules have the name {', '.join(twice)}")
        return self
