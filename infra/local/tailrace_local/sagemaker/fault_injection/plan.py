"""Fault plans: rules that select requests and say which fault to inject."""

import re
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Seconds = Annotated[float, Field(ge=0, le=3600)]


class Step(StrEnum):
    """The step of an invocation at which a fault acts."""

    REQUEST = "request"
    QUEUE = "queue"
    REPLY = "reply"
    DOWNLOAD = "download"
    MODEL = "model"
    OUTPUT = "output"
    NOTIFICATION = "notification"


# The input is known after the download.
_ROWS_ARE_KNOWN = {Step.MODEL, Step.OUTPUT, Step.NOTIFICATION}


class _Strict(BaseModel):
    """Base of the plan's models: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Refuse(_Strict):
    """InvokeEndpointAsync answers an error and queues nothing."""

    step: ClassVar[Step] = Step.REQUEST
    kind: Literal["refuse"]
    code: str = "ThrottlingException"
    status: int = Field(default=400, ge=400, le=599)
    message: str = "Rate exceeded"


class Lose(_Strict):
    """The request is accepted and never processed."""

    step: ClassVar[Step] = Step.QUEUE
    kind: Literal["lose"]


class Expire(_Strict):
    """The request's TTL passes in the queue."""

    step: ClassVar[Step] = Step.QUEUE
    kind: Literal["expire"]


class LoseAnswer(_Strict):
    """The request is queued, and the connection breaks off before its 202 arrives."""

    step: ClassVar[Step] = Step.REPLY
    kind: Literal["lose_answer"]


class FailDownload(_Strict):
    """The input cannot be read."""

    step: ClassVar[Step] = Step.DOWNLOAD
    kind: Literal["fail_download"]
    message: str = "the fault plan says so"


class Status(_Strict):
    """The container answers an error; it is not called."""

    step: ClassVar[Step] = Step.MODEL
    kind: Literal["status"]
    status: int = Field(ge=400, le=599)
    body: str = "the fault plan says so"


class NoResponse(_Strict):
    """No server accepts the connection."""

    step: ClassVar[Step] = Step.MODEL
    kind: Literal["no_response"]


class HangUp(_Strict):
    """The server closes the connection without an answer."""

    step: ClassVar[Step] = Step.MODEL
    kind: Literal["hang_up"]


class TimeOut(_Strict):
    """The invocation times out; with `at_once`, without waiting for its timeout."""

    step: ClassVar[Step] = Step.MODEL
    kind: Literal["time_out"]
    at_once: bool = True


class Slow(_Strict):
    """The container is called later. This fault can be combined with others of the same step."""

    step: ClassVar[Step] = Step.MODEL
    kind: Literal["slow"]
    seconds: Seconds


class KillInstance(_Strict):
    """The instance's model servers get SIGKILL and restart.

    The signal comes `after_s` after the request reached them.
    """

    step: ClassVar[Step] = Step.MODEL
    kind: Literal["kill_instance"]
    after_s: Seconds = 0.0


class CorruptOutput(_Strict):
    """The output is stored with missing, cut, extra or moved lines, or as another text.

    `cut_line` halves the `lines`-th line from the end. `double_middle` repeats a line and cuts off
    the last one; `rotate` moves the first line to the end. `replace` stores `text`.
    """

    step: ClassVar[Step] = Step.OUTPUT
    kind: Literal["spoil_output"]
    how: Literal[
        "drop_last", "drop_middle", "cut_line", "add_line", "empty", "double_middle", "rotate", "reverse", "replace"
    ]
    lines: int = Field(default=1, ge=1)
    text: str = '{"error": "the fault plan says so"}'


class FailUpload(_Strict):
    """The output cannot be stored."""

    step: ClassVar[Step] = Step.OUTPUT
    kind: Literal["fail_upload"]
    message: str = "the fault plan says so"


class Drop(_Strict):
    """The notification is never published."""

    step: ClassVar[Step] = Step.NOTIFICATION
    kind: Literal["drop"]


class Duplicate(_Strict):
    """The notification is published `times` more often, at intervals of `after_s`."""

    step: ClassVar[Step] = Step.NOTIFICATION
    kind: Literal["duplicate"]
    times: int = Field(default=1, ge=1, le=100)
    after_s: Seconds = 0.0


class Delay(_Strict):
    """The notification is published after `seconds` plus a random part of `spread_s`."""

    step: ClassVar[Step] = Step.NOTIFICATION
    kind: Literal["delay"]
    seconds: Seconds
    spread_s: Seconds = 0.0


class Reorder(_Strict):
    """Notifications are shuffled once `window` are held back or `within_s` has passed."""

    step: ClassVar[Step] = Step.NOTIFICATION
    kind: Literal["reorder"]
    window: int = Field(default=4, ge=2, le=1000)
    within_s: Seconds = 5.0


class Replay(_Strict):
    """An old notification of another request is published again, beside this one."""

    step: ClassVar[Step] = Step.NOTIFICATION
    kind: Literal["replay"]


class Forge(_Strict):
    """A changed copy is published, beside or `instead`; `changes` maps dotted paths to values."""

    step: ClassVar[Step] = Step.NOTIFICATION
    kind: Literal["forge"]
    changes: dict[str, Any] = Field(min_length=1)
    instead: bool = False


Fault = Annotated[
    Refuse
    | Lose
    | Expire
    | LoseAnswer
    | FailDownload
    | Status
    | NoResponse
    | HangUp
    | TimeOut
    | Slow
    | KillInstance
    | CorruptOutput
    | FailUpload
    | Drop
    | Duplicate
    | Delay
    | Reorder
    | Replay
    | Forge,
    Field(discriminator="kind"),
]


class Selection(_Strict):
    """The requests that a rule selects: those that meet every given condition."""

    endpoint: str = "*"
    """The endpoint's name, with * and ? as wildcards."""
    inference_id: re.Pattern[str] | None = None
    """A regular expression to find in the inference id."""
    row: re.Pattern[str] | None = None
    """A regular expression to find in a line of the input."""
    outcome: Literal["Completed", "Failed"] | None = None
    """The invocationStatus of the notification."""
    every: int | None = Field(default=None, ge=1)
    """Every n-th of the requests that meet the conditions above, in order of arrival."""
    rate: float | None = Field(default=None, gt=0, le=1)
    """The share of the requests that meet the conditions above; drawn from seed, rule and request,
    not from order."""
    after: int = Field(default=0, ge=0)
    """Number of matching requests to skip first."""
    limit: int | None = Field(default=None, ge=1)
    """Upper limit on how often the rule acts."""


class Rule(_Strict):
    """A fault, and the requests to inject it into."""

    name: str = ""
    when: Selection = Selection()
    do: Fault

    @model_validator(mode="after")
    def _possible(self) -> "Rule":
        step = self.do.step
        if self.when.row and step not in _ROWS_ARE_KNOWN:
            raise ValueError(f"{self.do.kind} acts before the input is read: select without `row`")
        if self.when.outcome and step is not Step.NOTIFICATION:
            raise ValueError(f"{self.do.kind} acts before there is an outcome: select without `outcome`")
        return self


class FaultPlan(_Strict):
    """Rules, evaluated in order at each step.

    The same plan injects the same faults into the same requests.
    """

    seed: int = 0
    identity: re.Pattern[str] = re.compile(r"(?<=\.).+")
    """The part of an inference id that identifies a request, for `rate`. The default drops the text
    before the first dot, such as a job id that is new at every run. Without a match, the whole id
    counts."""
    rules: tuple[Rule, ...] = ()

    @model_validator(mode="after")
    def _named(self) -> "FaultPlan":
        names = [rule.name for rule in self.rules if rule.name]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two rules have the name {', '.join(twice)}")
        return self

    def named_rules(self) -> list[tuple[str, Rule]]:
        """Return the rules with their names; an unnamed rule is called by its number and kind."""
        return [(rule.name or f"{number}-{rule.do.kind}", rule) for number, rule in enumerate(self.rules, 1)]
