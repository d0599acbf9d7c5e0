"""How far the stack's functions are with cutting the input of a remote job."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """A phase of cutting an input where it lies, in the order of the work."""

    LIST = "list"
    """The objects are listed and divided into stripes."""
    COUNT = "count"
    """The records of each stripe are counted."""
    SUM = "sum"
    """The number of each stripe's first row is found."""
    CUT = "cut"
    """Each stripe is cut into chunks, which are sent."""
    SEAL = "seal"
    """The job gets the number of its rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutting:
    """The state of an execution that cuts an input.

    A run is some neighbouring stripes that one call of a function takes: up to eight to count, up
    to six to cut. Step Functions counts runs, so how many stripes are done is not known.
    """

    execution: str
    """ARN of the execution in Step Functions."""
    state: str
    """``RUNNING``, or how it ended: ``SUCCEEDED``, ``FAILED``, ``TIMED_OUT``, ``ABORTED``."""
    phase: Phase
    runs_done: int | None = None
    """Runs of stripes that are done; None in a phase that takes all stripes together."""
    runs_total: int | None = None
    error: str | None = None
    """Class of the error that ended it."""
    cause: str | None = None
    output: str | None = None
    """The output of an execution that succeeded, as JSON."""

    @property
    def running(self) -> bool:
        """True until the execution has ended."""
        return self.state in {"RUNNING", "PENDING_REDRIVE"}


_WORDS = {
    Phase.LIST: "listing the objects",
    Phase.COUNT: "counting rows",
    Phase.SUM: "adding up the rows",
    Phase.CUT: "cutting",
    Phase.SEAL: "sealing the job",
}


def cutting_text(cutting: Cutting) -> str:
    """Describe how far an execution is, in a few words."""
    if cutting.state == "SUCCEEDED":
        return "the input is cut"
    if not cutting.running:
        return f"the execution has ended: {cutting.state}"
    words = _WORDS[cutting.phase]
    if cutting.runs_total is None:
        return words
    return f"{words}: {cutting.runs_done or 0:,} of {cutting.runs_total:,} runs of stripes"
